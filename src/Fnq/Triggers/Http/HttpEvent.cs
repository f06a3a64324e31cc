using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Fnq.Identity;

namespace Fnq.Triggers.Http;

/// <summary>The event of payload format 2.0 (lambda-api section 7), pure.</summary>
internal static class HttpEvent
{
    private const string Default = "$default";
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Write(HttpCall call)
    {
        var buffer = new ArrayBufferWriter<byte>(1_024 + (call.Body.Length * 4 / 3));
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("version", "2.0");
            json.WriteString("routeKey", Default);
            json.WriteString("rawPath", call.Path);
            json.WriteString("rawQueryString", call.RawQuery);
            WriteCookies(json, call);
            WriteHeaders(json, call);
            WriteQuery(json, call);
            WriteContext(json, call);
            WriteBody(json, call);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteCookies(Utf8JsonWriter json, HttpCall call)
    {
        if (call.Header("cookie") is { Length: > 0 } cookies)
        {
            json.WriteStartArray("cookies");
            foreach (var cookie in cookies.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                json.WriteStringValue(cookie);
            }

            json.WriteEndArray();
        }
    }

    private static void WriteHeaders(Utf8JsonWriter json, HttpCall call)
    {
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, values) in call.Headers)
        {
            headers[name.ToLowerInvariant()] = string.Join(',', values);
        }

        headers.Remove("connection");
        headers.Remove("cookie");
        headers["x-amzn-trace-id"] = call.TraceId;
        headers["x-forwarded-proto"] = "http";
        headers["x-forwarded-port"] = call.Port.ToString(CultureInfo.InvariantCulture);
        headers["x-forwarded-for"] = headers.TryGetValue("x-forwarded-for", out var before) ? $"{before}, {call.Source}" : $"{call.Source}";
        json.WriteStartObject("headers");
        foreach (var (name, value) in headers)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
    }

    /// <summary>Names in the order in which they came first; several values of one name are one, with commas.</summary>
    private static void WriteQuery(Utf8JsonWriter json, HttpCall call)
    {
        var parameters = new OrderedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in call.RawQuery.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var at = pair.IndexOf('=');
            var (name, value) = (Decode(at < 0 ? pair : pair[..at]), at < 0 ? "" : Decode(pair[(at + 1)..]));
            parameters[name] = parameters.TryGetValue(name, out var before) ? $"{before},{value}" : value;
        }

        if (parameters.Count == 0)
        {
            return;
        }

        json.WriteStartObject("queryStringParameters");
        foreach (var (name, value) in parameters)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
    }

    private static void WriteContext(Utf8JsonWriter json, HttpCall call)
    {
        json.WriteStartObject("requestContext");
        json.WriteString("accountId", call.Caller?.AccountId ?? "anonymous");
        json.WriteString("apiId", call.UrlId);
        if (call.Caller is { } caller)
        {
            WriteCaller(json, caller);
        }

        json.WriteString("domainName", call.DomainName);
        json.WriteString("domainPrefix", call.UrlId);
        json.WriteStartObject("http");
        json.WriteString("method", call.Method);
        json.WriteString("path", call.Path);
        json.WriteString("protocol", call.Protocol);
        json.WriteString("sourceIp", call.Source?.ToString() ?? "");
        json.WriteString("userAgent", call.Header("user-agent") ?? "");
        json.WriteEndObject();
        json.WriteString("requestId", call.RequestId);
        json.WriteString("routeKey", Default);
        json.WriteString("stage", Default);
        json.WriteString("time", call.ReceivedAt.UtcDateTime.ToString("dd/MMM/yyyy:HH:mm:ss +0000", CultureInfo.InvariantCulture));
        json.WriteNumber("timeEpoch", call.ReceivedAt.ToUnixTimeMilliseconds());
        json.WriteEndObject();
    }

    private static void WriteCaller(Utf8JsonWriter json, IamCaller caller)
    {
        json.WriteStartObject("authorizer");
        json.WriteStartObject("iam");
        json.WriteString("accessKey", caller.AccessKeyId);
        json.WriteString("accountId", caller.AccountId);
        json.WriteString("callerId", caller.UserId);
        json.WriteNull("cognitoIdentity");
        json.WriteNull("principalOrgId");
        json.WriteString("userArn", caller.UserArn);
        json.WriteString("userId", caller.UserId);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteBody(Utf8JsonWriter json, HttpCall call)
    {
        var isText = IsText(call.Header("content-type")) && Utf8.IsValid(call.Body.Span);
        if (call.Body.Length > 0)
        {
            if (isText)
            {
                json.WriteString("body", call.Body.Span);
            }
            else
            {
                json.WriteBase64String("body", call.Body.Span);
            }
        }

        json.WriteBoolean("isBase64Encoded", call.Body.Length > 0 && !isText);
    }

    internal static bool IsText(string? contentType)
    {
        var type = (contentType ?? "").Split(';')[0].Trim().ToLowerInvariant();
        return type.StartsWith("text/", StringComparison.Ordinal)
            || type is "application/json" or "application/javascript" or "application/xml"
            || (type.StartsWith("application/", StringComparison.Ordinal)
                && (type.EndsWith("+json", StringComparison.Ordinal) || type.EndsWith("+xml", StringComparison.Ordinal)));
    }

    /// <summary>What is no percent-encoded UTF-8 stays as it came.</summary>
    private static string Decode(string encoded) => PercentCoding.TryDecode(encoded.Replace('+', ' '), out var decoded) ? decoded : encoded;
}
