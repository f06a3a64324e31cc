using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.Execution.RuntimeApi;

/// <summary>The answers of the Runtime API as AWS's emulator gives them; its 403 also names the states.</summary>
internal static class RuntimeApiAnswers
{
    private const string Json = "application/json";
    private static readonly byte[] Ok = "{\"status\":\"OK\"}\n"u8.ToArray();
    private static readonly byte[] InvalidId = Error("Invalid request ID", "InvalidRequestID");
    private static readonly byte[] InvalidTransition = Error("State transition is not allowed", "InvalidStateTransition");
    private static readonly byte[] Truncated = Error("HTTP request detected as truncated", "TruncatedHTTPRequest");
    private static readonly byte[] InvalidResponseMode = Error("Invalid function response mode", "InvalidFunctionResponseMode");
    private static readonly byte[] TooLarge =
        Error($"Exceeded maximum allowed payload size ({RunErrors.MaxPayloadBytes} bytes).", "RequestEntityTooLarge");

    public static Task AcceptedAsync(IFeatureCollection context) => WriteAsync(context, 202, Json, Ok);

    public static Task RefuseAsync(IFeatureCollection context, Verdict verdict) => verdict == Verdict.InvalidRequestId
        ? WriteAsync(context, 400, Json, InvalidId)
        : WriteAsync(context, 403, Json, InvalidTransition);

    public static Task TooLargeAsync(IFeatureCollection context) => WriteAsync(context, 413, Json, TooLarge);

    public static Task TruncatedAsync(IFeatureCollection context) => WriteAsync(context, 400, Json, Truncated);

    public static Task InvalidResponseModeAsync(IFeatureCollection context) => WriteAsync(context, 400, Json, InvalidResponseMode);

    public static Task NotFoundAsync(IFeatureCollection context, string path) =>
        WriteAsync(context, 404, Json, Error($"No such resource: {path}", "NotFound"));

    public static IHeaderDictionary Begin(IFeatureCollection context, int status, string contentType, int length)
    {
        var response = context.Get<IHttpResponseFeature>()!;
        response.StatusCode = status;
        response.Headers.ContentType = contentType;
        response.Headers.ContentLength = length;
        return response.Headers;
    }

    public static Task WriteAsync(IFeatureCollection context, int status, string contentType, ReadOnlySpan<byte> body)
    {
        Begin(context, status, contentType, body.Length);
        var writer = context.Get<IHttpResponseBodyFeature>()!.Writer;
        // Kestrel lends no memory before the first write unless a size is asked for.
        body.CopyTo(writer.GetSpan(body.Length));
        writer.Advance(body.Length);
        var flush = writer.FlushAsync();
        if (flush.IsCompletedSuccessfully)
        {
            _ = flush.Result;
            return Task.CompletedTask;
        }

        return flush.AsTask();
    }

    private static byte[] Error(string message, string type) => Encoding.UTF8.GetBytes(
        $"{{\"errorMessage\":\"{JsonEncodedText.Encode(message)}\",\"errorType\":\"{type}\"}}\n");
}
