using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations;

/// <summary>
/// The frame of the invocation plane: a length, a small JSON head, then bytes as they are. The head may grow: unknown
/// members are ignored, so that two versions of Fnq can talk.
/// </summary>
internal static class InvocationWire
{
    public static byte[] Encode(InvocationRequest request) => Frame(
        JsonSerializer.SerializeToUtf8Bytes(RequestHead.From(request), WireJson.Default.RequestHead), request.Payload, default);

    public static byte[] Encode(InvocationResult result) => Frame(
        JsonSerializer.SerializeToUtf8Bytes(ResultHead.From(result), WireJson.Default.ResultHead), result.LogTail, result.Payload);

    /// <exception cref="FormatException">It is no request.</exception>
    public static InvocationRequest DecodeRequest(ReadOnlyMemory<byte> body) =>
        Decode(body, WireJson.Default.RequestHead, static (head, rest) => head.ToRequest(rest));

    /// <exception cref="FormatException">It is no result.</exception>
    public static InvocationResult DecodeResult(ReadOnlyMemory<byte> body) =>
        Decode(body, WireJson.Default.ResultHead, static (head, rest) => head.ToResult(rest));

    private static TResult Decode<THead, TResult>(
        ReadOnlyMemory<byte> body, JsonTypeInfo<THead> type, Func<THead, ReadOnlyMemory<byte>, TResult> complete)
    {
        try
        {
            var head = JsonSerializer.Deserialize(Head(body, out var rest).Span, type);
            return head is null ? throw new FormatException("A message of the invocation plane without a head") : complete(head, rest);
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            throw new FormatException("A message of the invocation plane that cannot be read", error);
        }
    }

    private static byte[] Frame(byte[] head, ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        var frame = new byte[sizeof(int) + head.Length + first.Length + second.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, head.Length);
        head.CopyTo(frame, sizeof(int));
        first.CopyTo(frame.AsMemory(sizeof(int) + head.Length));
        second.CopyTo(frame.AsMemory(sizeof(int) + head.Length + first.Length));
        return frame;
    }

    private static ReadOnlyMemory<byte> Head(ReadOnlyMemory<byte> frame, out ReadOnlyMemory<byte> rest)
    {
        var length = frame.Length >= sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(frame.Span) : -1;
        if (length < 0 || length > frame.Length - sizeof(int))
        {
            throw new FormatException("A frame of the invocation plane whose length is wrong");
        }

        rest = frame[(sizeof(int) + length)..];
        return frame.Slice(sizeof(int), length);
    }
}

internal sealed record RequestHead(
    Guid RequestId, Guid RunId, string Deployment, string Arn, string? ClientContext, string TraceId, bool Tail,
    long StartDeadlineMs, string Trigger, int Attempt, int Delivery, long AcceptedMs)
{
    public static RequestHead From(InvocationRequest request) => new(
        request.RequestId, request.RunId.Value, request.Deployment.Value, request.InvokedFunctionArn, request.ClientContext,
        request.TraceId, request.WantsLogTail, request.StartDeadline.ToUnixTimeMilliseconds(), request.Trigger,
        request.Attempt, request.Delivery, request.AcceptedAt?.ToUnixTimeMilliseconds() ?? 0);

    public InvocationRequest ToRequest(ReadOnlyMemory<byte> payload) => new()
    {
        RequestId = RequestId,
        RunId = new RunId(RunId),
        Deployment = new DeploymentId(Deployment ?? throw new FormatException("An invocation of nothing")),
        InvokedFunctionArn = Arn,
        Payload = payload,
        ClientContext = ClientContext,
        TraceId = TraceId,
        WantsLogTail = Tail,
        StartDeadline = DateTimeOffset.FromUnixTimeMilliseconds(StartDeadlineMs),
        Trigger = Trigger,
        Attempt = Attempt,
        Delivery = Delivery,
        AcceptedAt = AcceptedMs == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(AcceptedMs),
    };
}

internal sealed record ResultHead(int Status, int Outcome, bool FunctionError, string Version, int TailBytes)
{
    public static ResultHead From(InvocationResult result) => new(
        (int)result.Status, (int)result.Outcome, result.IsFunctionError, result.ExecutedVersion, result.LogTail.Length);

    public InvocationResult ToResult(ReadOnlyMemory<byte> rest) => new()
    {
        Status = (DispatchStatus)Status,
        Outcome = (RunOutcome)Outcome,
        IsFunctionError = FunctionError,
        ExecutedVersion = Version,
        LogTail = rest[..TailBytes],
        Payload = rest[TailBytes..],
    };
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(RequestHead))]
[JsonSerializable(typeof(ResultHead))]
internal sealed partial class WireJson : JsonSerializerContext;
