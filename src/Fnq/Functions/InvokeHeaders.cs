using System.Globalization;
using System.Text;
using System.Text.Json;
using Fnq.AwsApi;
using Fnq.Dispatch;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions;

internal enum InvocationType
{
    RequestResponse,
    Event,
    DryRun,
}

/// <summary>What the headers of an invoke request say.</summary>
internal readonly record struct InvokeHeaders(InvocationType Type, bool WantsLogTail, string? ClientContext, string TraceId)
{
    private const int ClientContextLimit = 3_583;
    private const int TraceLimit = 256;

    public static InvokeHeaders Read(IHeaderDictionary headers, TimeProvider time)
    {
        string? type = headers["X-Amz-Invocation-Type"], log = headers["X-Amz-Log-Type"];
        if (type is not (null or "RequestResponse" or "Event" or "DryRun") || log is not (null or "None" or "Tail"))
        {
            new Constraints()
                .OneOf("invocationType", type, "Event", "RequestResponse", "DryRun")
                .OneOf("logType", log, "None", "Tail")
                .ThrowIfAny();
        }

        return new(
            type switch { "Event" => InvocationType.Event, "DryRun" => InvocationType.DryRun, _ => InvocationType.RequestResponse },
            log == "Tail",
            headers["X-Amz-Client-Context"] is [{ Length: > 0 } context] ? DecodeContext(context) : null,
            TraceOf(headers, time));
    }

    /// <summary>The caller's, or a new one.</summary>
    public static string TraceOf(IHeaderDictionary headers, TimeProvider time) =>
        headers["X-Amzn-Trace-Id"] is [{ } trace] && IsTrace(trace) ? trace : Lineage.NewTrace(time);

    /// <summary>The part of a trace header that the answer repeats.</summary>
    public static string AnswerTrace(string trace)
    {
        var root = trace.AsSpan("Root=".Length);
        var end = root.IndexOf(';');
        var isSampled = trace.Contains("Sampled=1", StringComparison.OrdinalIgnoreCase);
        return string.Concat("root=", end < 0 ? root : root[..end], isSampled ? ";sampled=1" : ";sampled=0");
    }

    /// <summary><c>Root=1-8hex-24hex</c> first, then anything short and harmless.</summary>
    public static bool IsTrace(ReadOnlySpan<char> trace) =>
        trace.Length is >= 40 and <= TraceLimit
        && trace.StartsWith("Root=1-", StringComparison.OrdinalIgnoreCase)
        && !trace[7..15].ContainsAnyExcept(HexDigits)
        && trace[15] == '-'
        && !trace[16..40].ContainsAnyExcept(HexDigits)
        && (trace.Length == 40 || trace[40] == ';')
        && !trace.ContainsAnyExceptInRange('!', '~');

    private static readonly System.Buffers.SearchValues<char> HexDigits = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF");

    private static string DecodeContext(string encoded)
    {
        if (encoded.Length > ClientContextLimit)
        {
            throw BadContext($"Client context must be no more than {ClientContextLimit} bytes when Base64-encoded.");
        }

        try
        {
            var bytes = Convert.FromBase64String(encoded);
            using var document = JsonDocument.Parse(bytes);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes)
                : throw BadContext("Client context must be a valid Base64-encoded JSON object.");
        }
        catch (Exception bad) when (bad is FormatException or JsonException or DecoderFallbackException)
        {
            throw BadContext("Client context must be a valid Base64-encoded JSON object.");
        }
    }

    private static AwsException BadContext(string message) => new(400, "InvalidRequestContentException", message, MessageMember.Lower);
}
