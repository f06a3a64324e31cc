using Fnq.AwsApi;
using Microsoft.AspNetCore.Http;

namespace Fnq.Triggers.Http;

/// <summary>Writes answers of function URLs.</summary>
internal static class UrlAnswer
{
    /// <summary>What the platform says in a function's place, as AWS does.</summary>
    public static HttpResult Platform(int status) => new()
    {
        Status = status,
        Body = status switch
        {
            413 => "{\"Message\":\"Request Entity Too Large\"}"u8.ToArray(),
            429 => "{\"Reason\":\"ConcurrentInvocationLimitExceeded\",\"Type\":\"User\",\"message\":\"Rate Exceeded.\"}"u8.ToArray(),
            503 => "{\"Message\":\"Service Unavailable\"}"u8.ToArray(),
            _ => "Internal Server Error"u8.ToArray(),
        },
    };

    public static async Task WriteAsync(HttpContext http, HttpResult result)
    {
        var response = http.Response;
        response.StatusCode = result.Status;
        AddHeaders(http, result.Headers);
        foreach (var cookie in result.Cookies)
        {
            response.Headers.Append("Set-Cookie", cookie);
        }

        if (MayHaveBody(http.Request.Method, result.Status))
        {
            response.ContentLength = result.Body.Length;
            await ResponseBody.WriteAsync(http, result.Body);
        }
    }

    /// <summary>Whatever the function says.</summary>
    private static bool MayHaveBody(string method, int status) =>
        !HttpMethods.IsHead(method)
        && status is not (StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified);

    /// <summary>Of a name that is there already the first counts: what the configuration says of origins, not what the function does.</summary>
    public static void AddHeaders(HttpContext http, IEnumerable<KeyValuePair<string, string>> headers)
    {
        foreach (var (name, value) in headers)
        {
            if (!http.Response.Headers.ContainsKey(name))
            {
                http.Response.Headers[name] = value;
            }
        }
    }

    /// <param name="message">Null is written as null.</param>
    public static async Task RefuseAsync(HttpContext http, int status, string type, string? message, int? retryAfterSeconds = null)
    {
        http.Response.Headers["x-amzn-ErrorType"] = type;
        if (retryAfterSeconds is { } seconds)
        {
            http.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        await RestJson.WriteAsync(http, status, json =>
        {
            json.WriteStartObject();
            json.WriteString("Message", message);
            json.WriteEndObject();
        });
    }
}
