using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Functions;
using Fnq.Identity;

namespace Fnq.Triggers.Http;

/// <summary>Has a call run as any synchronous invocation, and reads what the function answered.</summary>
internal sealed class UrlInvoker(FunctionCatalog catalog, IInvoker invoker, RunningHops hops, FunctionsOptions options, TimeProvider time)
{
    private const int PayloadBytes = 6_291_456;

    /// <summary>An answer, the platform's own where the function has none.</summary>
    public async Task<HttpResult> InvokeAsync(FunctionKey function, HttpCall call, Caller? caller, CancellationToken cancellationToken)
    {
        if (await catalog.FindAsync(new FunctionReference(function, Qualifier: null), cancellationToken) is not { State: FunctionState.Active } target)
        {
            return UrlAnswer.Platform(502);
        }

        var payload = HttpEvent.Write(call);
        if (payload.Length > PayloadBytes)
        {
            return UrlAnswer.Platform(413);
        }

        var hop = hops.HopOf(caller?.Function, call.TraceId);
        using var running = hops.Enter(function, hop);
        var now = time.GetUtcNow();
        var result = await invoker.InvokeAsync(
            new InvocationRequest
            {
                RequestId = call.RequestId,
                RunId = RunId.New(time),
                Deployment = target.Deployment,
                InvokedFunctionArn = target.UnqualifiedArn,
                Payload = payload,
                TraceId = Lineage.Write(call.TraceId, function, hop),
                AcceptedAt = now,
                StartDeadline = now + options.StartWait,
                Trigger = "url",
            },
            cancellationToken);
        return result.Status switch
        {
            DispatchStatus.Completed when !result.IsFunctionError => HttpResult.Read(result.Payload) ?? UrlAnswer.Platform(502),
            DispatchStatus.Throttled or DispatchStatus.Expired => UrlAnswer.Platform(429),
            DispatchStatus.Unavailable => UrlAnswer.Platform(503),
            _ => UrlAnswer.Platform(502),
        };
    }
}
