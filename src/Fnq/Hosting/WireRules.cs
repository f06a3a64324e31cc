using Fnq.AwsApi;
using Fnq.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Fnq.Hosting;

/// <summary>
/// Requests whose end two readers could see in different places: the web server repairs some of them, as RFC 9112 allows.
/// A proxy in front may have repaired them otherwise, so they are refused and the connection ends with them.
/// </summary>
internal sealed class WireRules(AuditLog audit)
{
    /// <summary>Where the web server puts a Content-Length that came beside a Transfer-Encoding.</summary>
    private const string SetAside = "X-Content-Length";

    /// <summary>The answer, or null when the request may go on.</summary>
    public Task? Refuse(HttpContext http)
    {
        var headers = http.Request.Headers;
        var coding = headers.TransferEncoding;
        return coding.Count == 0 || (coding == "chunked" && !headers.ContainsKey(SetAside)) ? null : RefuseAsync(http);
    }

    private async Task RefuseAsync(HttpContext http)
    {
        var requestId = Guid.NewGuid().ToString();
        var error = AwsFront.BadRequest(StatusCodes.Status400BadRequest, "The length of the request is ambiguous.");
        BrokenRequests.Answered(http);
        audit.Refused(new RefusedRequest
        {
            RequestId = requestId, Status = error.Status, Error = error.Type, Method = http.Request.Method,
            Path = RawTarget.PathOf(http), Source = http.Connection.RemoteIpAddress,
        });
        http.Response.Headers["x-amzn-RequestId"] = requestId;
        http.Response.Headers.Connection = "close";
        await RestJson.WriteErrorAsync(http, error);
    }
}
