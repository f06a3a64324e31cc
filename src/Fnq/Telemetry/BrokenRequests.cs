using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.Telemetry;

/// <summary>
/// Writes the audit line of what the web server refuses by itself, because it never became a request: a malformed request
/// line or header, too many or too slow ones. Whoever answers a request in our own code marks it with <see cref="Answered"/>.
/// </summary>
internal sealed class BrokenRequests(AuditLog audit) : IObserver<KeyValuePair<string, object?>>
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    public void Watch(DiagnosticListener server) => server.Subscribe(this, static name => name == BadRequest);

    /// <summary>From here on the refusal of this request is written by its handler.</summary>
    public static void Answered(HttpContext http) => http.Features.Set(Mark.Set);

    public void OnNext(KeyValuePair<string, object?> seen)
    {
        if (seen.Value is not IFeatureCollection request || request.Get<Mark>() is not null)
        {
            return;
        }

        var connection = request.Get<IHttpConnectionFeature>();
        var error = request.Get<IBadRequestExceptionFeature>()?.Error as BadHttpRequestException;
        audit.Refused(new RefusedRequest
        {
            RequestId = connection?.ConnectionId ?? RefusedRequest.Nothing,
            Status = error?.StatusCode ?? StatusCodes.Status400BadRequest,
            Error = "MalformedHttpRequest",
            Source = connection?.RemoteIpAddress,
        });
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }

    private sealed class Mark
    {
        public static readonly Mark Set = new();
    }
}
