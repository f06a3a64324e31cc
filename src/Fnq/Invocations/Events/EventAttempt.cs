using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations.Events;

/// <summary>What came of an attempt, and what is to come.</summary>
/// <param name="Invocation">With this attempt counted.</param>
/// <param name="Target">Null when there is none, or when it could not be found out.</param>
/// <param name="Result">Null when no run was answered.</param>
internal sealed record Attempted(InvokeFunction Invocation, EventTarget? Target, InvocationResult? Result, EventDecision Decision)
{
    private const int ErrorMax = 1_024;

    /// <summary>For people, at most a kilobyte: the function's own words where there are any.</summary>
    public string? Error { get; init; }

    public static string? ErrorOf(InvocationResult result) =>
        result.IsFunctionError ? FunctionErrorText.Of(result.Payload, ErrorMax)
        : result.Status == DispatchStatus.Completed ? null
        : result.Status.ToString();
}

/// <summary>Has an event run once, as any caller would, and asks the policy what comes next.</summary>
internal sealed partial class EventAttempt(
    IEventTargets targets, IInvoker invoker, RunningHops hops, TimeProvider time, ILogger<EventAttempt> logger)
{
    /// <summary>As long as a synchronous caller waits; then it goes back to the queue, where waiting costs nothing.</summary>
    private static readonly TimeSpan StartWait = TimeSpan.FromSeconds(60);

    public async Task<Attempted> MakeAsync(InvokeFunction invocation)
    {
        EventTarget? target;
        try
        {
            target = await targets.FindAsync(invocation.Function, invocation.Qualifier, CancellationToken.None);
        }
        catch (Exception failure)
        {
            // The database: nothing is known of the function, its limits included.
            LogTargetUnknown(failure, invocation.Function.Arn);
            var refused = invocation with { Refusals = invocation.Refusals + 1 };
            return new(refused, null, null, new(null, EventTopology.BackOff(refused.Refusals))) { Error = "The function could not be looked up" };
        }

        if (target is null)
        {
            return new(invocation, null, null, EventDecision.End(EventCondition.FunctionDeleted)) { Error = "The function was deleted" };
        }

        if (EventPolicy.BeforeAttempt(time.GetUtcNow() - invocation.AcceptedAt, target) is { } end)
        {
            return new(invocation, target, null, end);
        }

        var result = target.IsActive ? await InvokeAsync(invocation, target) : InvocationResult.Of(DispatchStatus.Unavailable);
        var after = Count(invocation, result);
        var history = new EventHistory(after.Failures, after.Refusals, time.GetUtcNow() - after.AcceptedAt);
        return new(
            after, target, result.Status == DispatchStatus.Completed ? result : null,
            EventPolicy.AfterAttempt(result.Status, result.IsFunctionError, history, target))
        {
            Error = Attempted.ErrorOf(result),
        };
    }

    /// <summary>What the platform lost may have run; an error of the function starts the back-off anew.</summary>
    internal static InvokeFunction Count(InvokeFunction invocation, InvocationResult result) => result.Status switch
    {
        DispatchStatus.Completed => invocation with
        {
            Runs = invocation.Runs + 1, Failures = invocation.Failures + (result.IsFunctionError ? 1 : 0), Refusals = 0,
        },
        DispatchStatus.PlatformLost => invocation with { Runs = invocation.Runs + 1, Refusals = invocation.Refusals + 1 },
        DispatchStatus.Gone => invocation,
        _ => invocation with { Refusals = invocation.Refusals + 1 },
    };

    private async Task<InvocationResult> InvokeAsync(InvokeFunction invocation, EventTarget target)
    {
        using var running = hops.Enter(invocation.Function, Lineage.HopsOf(invocation.TraceId) ?? 0);
        var now = time.GetUtcNow();
        var request = new InvocationRequest
        {
            RequestId = invocation.RequestId,
            RunId = RunId.New(time),
            Deployment = target.Deployment,
            InvokedFunctionArn = target.InvokedFunctionArn,
            Payload = invocation.Payload,
            ClientContext = invocation.ClientContext,
            TraceId = invocation.TraceId,
            StartDeadline = now + StartWait,
            AcceptedAt = now,
            Trigger = invocation.Trigger,
            Attempt = invocation.Failures + 1,
        };
        try
        {
            return await invoker.InvokeAsync(request, CancellationToken.None);
        }
        catch (Exception failure)
        {
            LogNotInvoked(failure, invocation.RequestId);
            return InvocationResult.Of(DispatchStatus.PlatformLost);
        }
    }

    [LoggerMessage(2220, LogLevel.Warning, "The function {Function} of an event could not be looked up; the event waits")]
    private partial void LogTargetUnknown(Exception failure, string function);

    [LoggerMessage(2221, LogLevel.Error, "An attempt at event {RequestId} failed here; it is made again")]
    private partial void LogNotInvoked(Exception failure, Guid requestId);
}
