using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Dispatch;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions;

/// <summary>Invoke: the hot path. A warm one touches the catalog's memory and the invoker, nothing else.</summary>
internal sealed class InvokeFunction(
    FunctionCatalog catalog, IInvoker invoker, InvokeEvent events, RunningHops hops, FunctionsOptions options, TimeProvider time)
{
    public async ValueTask HandleAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.ParseForInvoke(request, labels["FunctionName"], request.Query("Qualifier"));
        var headers = InvokeHeaders.Read(request.Http.Request.Headers, time);
        var target = await catalog.FindAsync(reference, request.Aborted)
            ?? throw FunctionErrors.FunctionNotFound($"{reference.Function.Arn}:{reference.Qualifier ?? VersionName.Latest}");
        var payload = InvokePayload.Check(request.Body);
        if (headers.Type == InvocationType.DryRun)
        {
            request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        if (headers.Type == InvocationType.Event)
        {
            await events.AcceptAsync(request, reference, target, headers);
            request.Http.Response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }

        if (target.State != FunctionState.Active)
        {
            throw FunctionErrors.WrongState(target.State);
        }

        var hop = hops.HopOf(request.Caller.Function, headers.TraceId);
        using var running = hops.Enter(reference.Function, hop);
        var now = time.GetUtcNow();
        var result = await invoker.InvokeAsync(
            new InvocationRequest
            {
                RequestId = request.RequestId,
                RunId = RunId.New(time),
                Deployment = target.Deployment,
                InvokedFunctionArn = reference.Qualifier is null ? target.UnqualifiedArn : target.QualifiedArn,
                Payload = payload,
                ClientContext = headers.ClientContext,
                TraceId = Lineage.Write(headers.TraceId, reference.Function, hop),
                WantsLogTail = headers.WantsLogTail,
                AcceptedAt = now,
                StartDeadline = now + options.StartWait,
            },
            request.Aborted);
        await AnswerAsync(request, target, headers, result);
    }

    private static async ValueTask AnswerAsync(AwsRequest request, InvocationTarget target, InvokeHeaders asked, InvocationResult result)
    {
        if (InvokeErrors.Of(result.Status, target) is { } error)
        {
            throw error;
        }

        var response = request.Http.Response;
        var headers = response.Headers;
        headers["X-Amz-Executed-Version"] = target.Version;
        headers["x-amzn-Remapped-Content-Length"] = "0";
        headers["X-Amzn-Trace-Id"] = InvokeHeaders.AnswerTrace(asked.TraceId);
        if (result.IsFunctionError)
        {
            headers["X-Amz-Function-Error"] = "Unhandled";
        }

        if (asked.WantsLogTail)
        {
            headers["X-Amz-Log-Result"] = Convert.ToBase64String(result.LogTail.Span);
        }

        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "application/json";
        response.ContentLength = result.Payload.Length;
        await ResponseBody.WriteAsync(request.Http, result.Payload);
    }
}

/// <summary>What the platform could not do, in AWS's words.</summary>
internal static class InvokeErrors
{
    public static AwsException? Of(DispatchStatus status, InvocationTarget target) => status switch
    {
        DispatchStatus.Completed => null,
        DispatchStatus.Throttled => Throttled("ReservedFunctionConcurrentInvocationLimitExceeded"),
        DispatchStatus.Expired => Throttled("ConcurrentInvocationLimitExceeded"),
        DispatchStatus.Unavailable => FunctionErrors.Service(503, "The service is unavailable. Please try again.", retryAfterSeconds: 1),
        DispatchStatus.Gone => FunctionErrors.FunctionNotFound(target.QualifiedArn),
        _ => FunctionErrors.Service(500, "The invocation may have begun but its worker was lost before it answered."),
    };

    private static AwsException Throttled(string reason) =>
        new(429, "TooManyRequestsException", "Rate Exceeded.", MessageMember.Lower) { Reason = reason, RetryAfterSeconds = 1 };
}

internal sealed record FunctionsOptions
{
    /// <summary>The users' virtual host, where queues are that functions listen to.</summary>
    public required string AmqpUrl { get; init; }

    /// <summary>How long an invocation may wait for an environment before it is given up: AWS's clients wait 60 s for an answer.</summary>
    public TimeSpan StartWait { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Control-plane operations at the same time: below the database pool's 20, so that none waits there in vain.</summary>
    public int ConcurrentOperations { get; init; } = 12;
}
