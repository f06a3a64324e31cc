using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Fnq.AwsApi;

/// <summary>The JSON 1.1 protocol: a header names the operation, the error stands in the body.</summary>
internal static class AwsJson
{
    private const string ContentType = "application/x-amz-json-1.1";

    /// <summary>What stands behind the prefix in X-Amz-Target; empty when there is nothing of the kind.</summary>
    public static string OperationOf(HttpContext http, string prefix) =>
        http.Request.Headers["X-Amz-Target"] is [{ } target] && target.StartsWith(prefix, StringComparison.Ordinal) ? target[prefix.Length..] : "";

    public static AwsException UnknownOperation() =>
        new(StatusCodes.Status400BadRequest, "UnknownOperationException", "The requested operation is not known to this service.", MessageMember.Lower);

    public static async ValueTask WriteAsync(HttpContext http, int status, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        http.Response.StatusCode = status;
        http.Response.ContentType = ContentType;
        http.Response.ContentLength = buffer.WrittenCount;
        await ResponseBody.WriteAsync(http, buffer.WrittenMemory);
    }

    public static ValueTask WriteErrorAsync(HttpContext http, AwsException error)
    {
        http.Response.Headers["x-amzn-ErrorType"] = CodeOf(error.Type);
        return WriteAsync(http, error.Status, json =>
        {
            json.WriteString("__type", CodeOf(error.Type));
            json.WriteString("message", error.Message);
        });
    }

    /// <summary>This protocol has its own names for the same faults.</summary>
    private static string CodeOf(string type) => type switch
    {
        "InvalidRequestContentException" => "SerializationException",
        "ServiceException" => "InternalException",
        _ => type,
    };
}
