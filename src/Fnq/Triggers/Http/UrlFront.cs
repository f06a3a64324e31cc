using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Functions.Urls;
using Fnq.Identity;
using Fnq.Storage;
using Fnq.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Fnq.Triggers.Http;

/// <summary>The way in for plain HTTP requests to function URLs: finds the function, asks whether the caller may, and answers with its result.</summary>
internal sealed partial class UrlFront(
    FunctionUrlCatalog urls, UrlCallers callers, UrlInvoker invoker, BodyBudget bodies, TimeProvider time, ILogger<UrlFront> logger)
{
    private const int BodyBytes = 6_291_456;

    private const string Forbidden =
        "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

    public async Task InvokeAsync(HttpContext http, UrlAddress address)
    {
        var requestId = RandomIds.New();
        http.Response.Headers["x-amzn-RequestId"] = requestId.ToString();
        BrokenRequests.Answered(http);
        try
        {
            await ServeAsync(http, address, requestId);
        }
        catch (AwsException refused) when (!http.Response.HasStarted)
        {
            await UrlAnswer.RefuseAsync(http, refused.Status, refused.Type, refused.Message, refused.RetryAfterSeconds);
        }
        catch (Exception gone) when (http.RequestAborted.IsCancellationRequested && gone is OperationCanceledException or IOException)
        {
            // The client is gone; nobody is left to answer.
        }
        catch (BadHttpRequestException bad) when (!http.Response.HasStarted)
        {
            await UrlAnswer.RefuseAsync(http, bad.StatusCode, "BadRequestException", "Bad Request");
        }
        catch (Exception failure) when (!http.Response.HasStarted)
        {
            LogFailed(failure, requestId);
            await (DatabaseFailure.Is(failure)
                ? UrlAnswer.RefuseAsync(http, StatusCodes.Status503ServiceUnavailable, "ServiceException", "Service Unavailable", retryAfterSeconds: 1)
                : UrlAnswer.RefuseAsync(http, StatusCodes.Status500InternalServerError, "ServiceException", "Internal Server Error"));
        }
    }

    private async Task ServeAsync(HttpContext http, UrlAddress address, Guid requestId)
    {
        if (!RawTarget.IsWellFormed(RawTarget.Of(http)) || !PercentCoding.TryDecode(address.Path, out var path))
        {
            throw new BadHttpRequestException("The request target is malformed.");
        }

        if (!address.IsId || await urls.FindAsync(address.Id) is not { } url)
        {
            await UrlAnswer.RefuseAsync(http, StatusCodes.Status403Forbidden, "AccessDeniedException", message: null);
            return;
        }

        string? origin = http.Request.Headers.Origin;
        if (url.Cors is { } cors && HttpMethods.IsOptions(http.Request.Method) && http.Request.Headers.AccessControlRequestMethod.Count > 0)
        {
            UrlAnswer.AddHeaders(http, Cors.OfPreflight(cors, origin));
            return;
        }

        var body = await RequestBody.ReadAsync(http, service: null, BodyBytes, bodies);
        var caller = url.AsksForSignature ? await callers.FindAsync(http, url.Function, body) : null;
        if (caller is null && !url.IsOpen)
        {
            throw new AwsException(StatusCodes.Status403Forbidden, "AccessDeniedException", Forbidden);
        }

        var call = CallOf(http, address, path, requestId, body) with { Caller = UrlCallers.Shown(caller) };
        var result = await invoker.InvokeAsync(url.Function, call, caller, http.RequestAborted);
        UrlAnswer.AddHeaders(http, Cors.OfAnswer(url.Cors, origin));
        await UrlAnswer.WriteAsync(http, result);
    }

    private HttpCall CallOf(HttpContext http, UrlAddress address, string path, Guid requestId, ReadOnlyMemory<byte> body)
    {
        var request = http.Request;
        return new HttpCall
        {
            RequestId = requestId,
            UrlId = address.Id,
            DomainName = request.Host.Host,
            Method = request.Method,
            Path = path,
            RawQuery = request.QueryString.HasValue ? request.QueryString.Value![1..] : "",
            Headers = [.. request.Headers.Select(header => new KeyValuePair<string, string?[]>(header.Key, header.Value.ToArray()))],
            Protocol = request.Protocol,
            Source = http.Connection.RemoteIpAddress,
            Port = request.Host.Port ?? http.Connection.LocalPort,
            TraceId = Functions.InvokeHeaders.TraceOf(request.Headers, time),
            ReceivedAt = time.GetUtcNow(),
            Body = body,
        };
    }

    [LoggerMessage(7000, LogLevel.Error, "A call of a function URL failed, request {RequestId}")]
    private partial void LogFailed(Exception failure, Guid requestId);
}
