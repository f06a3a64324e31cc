using System.Collections.Frozen;
using Fnq.Contracts;
using Fnq.Identity;
using Fnq.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Fnq.AwsApi;

/// <summary>
/// The one way in for signed requests: proves the signature on the raw request, reads the body within the
/// service's limit, hands over to the service, and turns every failure into an error in the service's protocol.
/// </summary>
internal sealed partial class AwsFront
{
    /// <summary>A request for a service that is not here; its signature is proven all the same before it learns that.</summary>
    private const long MaxBodyOfUnknownService = 1 << 20;

    private readonly FrozenDictionary<string, IAwsService> _services;
    private readonly AccessKeyStore _keys;
    private readonly SessionTokens _sessions;
    private readonly SignatureVerifier _verifier;
    private readonly BodyBudget _bodies;
    private readonly AuditLog _audit;
    private readonly ILogger<AwsFront> _logger;

    public AwsFront(
        IEnumerable<IAwsService> services, AccessKeyStore keys, SessionTokens sessions, SignatureVerifier verifier, BodyBudget bodies,
        AuditLog audit, ILogger<AwsFront> logger)
    {
        _services = services.ToFrozenDictionary(service => service.SigningName);
        _keys = keys;
        _sessions = sessions;
        _verifier = verifier;
        _bodies = bodies;
        _audit = audit;
        _logger = logger;
    }

    public async Task InvokeAsync(HttpContext http)
    {
        var requestId = RandomIds.New();
        http.Response.Headers["x-amzn-RequestId"] = requestId.ToString();
        var seen = new Seen();
        BrokenRequests.Answered(http);
        try
        {
            await ServeAsync(http, requestId, seen);
        }
        catch (AwsException refused) when (!http.Response.HasStarted)
        {
            await RefuseAsync(http, requestId, seen, refused);
        }
        catch (Exception gone) when (http.RequestAborted.IsCancellationRequested && gone is OperationCanceledException or IOException)
        {
            // The client is gone; nobody is left to answer.
        }
        catch (BadHttpRequestException bad) when (!http.Response.HasStarted)
        {
            await RefuseAsync(http, requestId, seen, BadRequest(bad.StatusCode, "The request could not be read."));
        }
        catch (Exception failure)
        {
            LogFailed(_logger, http.Request.Method, seen.Path, requestId, failure);
            if (http.Response.HasStarted)
            {
                http.Abort();
                return;
            }

            await RefuseAsync(http, requestId, seen, InternalError());
        }
    }

    private async Task ServeAsync(HttpContext http, Guid requestId, Seen seen)
    {
        var target = RawTarget.Of(http);
        if (!RawTarget.IsWellFormed(target))
        {
            http.Response.Headers.Connection = "close";
            throw BadRequest(StatusCodes.Status400BadRequest, "The request target is malformed.");
        }

        seen.Path = RawTarget.PathOf(http);
        if (_verifier.Parse(target, http.Request.Headers, out var claim) is { } unsigned)
        {
            throw SignatureErrors.Of(unsigned);
        }

        seen.AccessKeyId = claim!.Scope.AccessKeyId;
        seen.ServiceName = claim.Scope.Service;
        seen.Service = _services.GetValueOrDefault(claim.Scope.Service);
        RefuseEncoded(http);
        var key = claim.Token is { } token
            ? await _sessions.FindAsync(claim.Scope.AccessKeyId, token, http.RequestAborted)
            : await _keys.FindAsync(claim.Scope.AccessKeyId, http.RequestAborted);

        // Of a sender whose key nobody knows not a byte is read; its signature is worked out all the same.
        var body = key is null
            ? default
            : await ReadBodyAsync(http, seen);
        seen.Body = body;
        if (body.Length > BodyBudget.FreeBytes)
        {
            // Its digest is long work, which others of this thread's sockets are not to wait for.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }

        if (_verifier.Verify(claim, new SignedRequest(http.Request.Method, target, http.Request.Headers, body.Span), key) is { } refusal)
        {
            throw SignatureErrors.Of(refusal);
        }

        var service = seen.Service ?? throw RestJson.UnknownOperation();
        var request = new AwsRequest
        {
            Http = http,
            Caller = key!.Caller,
            Region = claim.Scope.Region,
            RequestId = requestId,
            RawPath = seen.Path,
            Body = body,
        };
        Authorize(request, service);
        await service.HandleAsync(request);
    }

    /// <summary>Users of the account may do everything; a function what <see cref="FunctionPolicy"/> says. Before the operation looks at anything.</summary>
    private static void Authorize(AwsRequest request, IAwsService service)
    {
        if (request.Caller.Function is null)
        {
            return;
        }

        // What has no name cannot be allowed.
        var action = service.ActionOf(request.Http, request.Body) ?? throw RestJson.UnknownOperation();
        if (!FunctionPolicy.Allows(action))
        {
            throw RestJson.AccessDenied(FunctionPolicy.Refusal(request.Caller, action, service.ResourceOf(request)));
        }
    }

    /// <summary>No body is ever inflated: what is small here stays small.</summary>
    private static void RefuseEncoded(HttpContext http)
    {
        if (http.Request.Headers.ContentEncoding is { Count: > 0 } coding && !coding.ToString().Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            throw new AwsException(
                StatusCodes.Status415UnsupportedMediaType, "UnsupportedMediaTypeException",
                "The content encoding of the request body is not supported.", MessageMember.Lower);
        }
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadBodyAsync(HttpContext http, Seen seen)
    {
        try
        {
            return await RequestBody.ReadAsync(http, seen.Service, seen.Service?.MaxBodyBytes(http) ?? MaxBodyOfUnknownService, _bodies);
        }
        catch (IOException broken) when (broken is not BadHttpRequestException && !http.RequestAborted.IsCancellationRequested)
        {
            // What the server says of a chunk size that no number holds.
            http.Response.Headers.Connection = "close";
            throw new BadHttpRequestException("The body could not be read.", StatusCodes.Status400BadRequest, broken);
        }
    }

    private async Task RefuseAsync(HttpContext http, Guid requestId, Seen seen, AwsException error)
    {
        var connection = http.Response.Headers.Connection;
        http.Response.Clear();
        http.Response.Headers.Connection = connection;
        http.Response.Headers["x-amzn-RequestId"] = requestId.ToString();
        if (error.Status is >= StatusCodes.Status400BadRequest and < StatusCodes.Status500InternalServerError and not StatusCodes.Status429TooManyRequests)
        {
            _audit.Refused(new RefusedRequest
            {
                RequestId = requestId.ToString(),
                Status = error.Status,
                Error = error.Type,
                Service = seen.ServiceName,
                Operation = seen.Service?.ActionOf(http, seen.Body)?.Split(':')[^1] ?? RefusedRequest.Nothing,
                AccessKeyId = seen.AccessKeyId,
                Method = http.Request.Method,
                Path = seen.Path,
                Source = http.Connection.RemoteIpAddress,
            });
        }

        try
        {
            await (seen.Service?.WriteErrorAsync(http, requestId, error) ?? RestJson.WriteErrorAsync(http, error));
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            // The client left before its error.
        }
    }

    internal static AwsException BadRequest(int status, string message) =>
        new(status, "InvalidRequestContentException", message, MessageMember.Lower);

    private static AwsException InternalError() =>
        new(StatusCodes.Status500InternalServerError, "ServiceException", "The service encountered an internal error.");

    /// <summary>What is known of a request when it fails.</summary>
    private sealed class Seen
    {
        public string Path { get; set; } = "";
        public string AccessKeyId { get; set; } = "";
        public string ServiceName { get; set; } = "";
        public IAwsService? Service { get; set; }
        public ReadOnlyMemory<byte> Body { get; set; }
    }

    [LoggerMessage(1301, LogLevel.Error, "Failed {Method} {Path}, request {RequestId}")]
    private static partial void LogFailed(ILogger logger, string method, string path, Guid requestId, Exception failure);
}
