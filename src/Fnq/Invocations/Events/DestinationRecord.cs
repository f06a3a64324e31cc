using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations.Events;

/// <summary>What destinations are sent (lambda-api section 7).</summary>
internal static class DestinationRecord
{
    private const int MaxDepth = 1_000;
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = MaxDepth + 8 };

    /// <param name="invocation">With the attempts that were made.</param>
    /// <param name="functionArn">Qualified.</param>
    /// <param name="condition">One of <see cref="EventCondition"/>.</param>
    /// <param name="result">Of the last attempt; null when none was answered.</param>
    /// <param name="now">The time that it carries.</param>
    public static byte[] Write(InvokeFunction invocation, string functionArn, string condition, InvocationResult? result, DateTimeOffset now)
    {
        var buffer = new ArrayBufferWriter<byte>(512 + invocation.Payload.Length + (result?.Payload.Length ?? 0));
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            json.WriteString("timestamp", now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            json.WriteStartObject("requestContext");
            json.WriteString("requestId", invocation.RequestId);
            json.WriteString("functionArn", functionArn);
            json.WriteString("condition", condition);
            json.WriteNumber("approximateInvokeCount", invocation.Runs);
            json.WriteEndObject();
            json.WritePropertyName("requestPayload");
            WriteJson(json, invocation.Payload);
            if (result is not null)
            {
                WriteResponse(json, result);
            }

            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteResponse(Utf8JsonWriter json, InvocationResult result)
    {
        json.WriteStartObject("responseContext");
        json.WriteNumber("statusCode", 200);
        json.WriteString("executedVersion", result.ExecutedVersion);
        if (result.IsFunctionError)
        {
            json.WriteString("functionError", "Unhandled");
        }

        json.WriteEndObject();
        json.WritePropertyName("responsePayload");
        WriteJson(json, result.Payload.Span);
    }

    /// <summary>As it is. A runtime of the user's own may answer anything: what is no JSON becomes a string.</summary>
    private static void WriteJson(Utf8JsonWriter json, ReadOnlySpan<byte> value)
    {
        if (IsJson(value))
        {
            json.WriteRawValue(value, skipInputValidation: true);
        }
        else
        {
            json.WriteStringValue(Encoding.UTF8.GetString(value));
        }
    }

    private static bool IsJson(ReadOnlySpan<byte> value)
    {
        try
        {
            var reader = new Utf8JsonReader(value, new JsonReaderOptions { MaxDepth = MaxDepth });
            while (reader.Read())
            {
            }

            return System.Text.Unicode.Utf8.IsValid(value);
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
