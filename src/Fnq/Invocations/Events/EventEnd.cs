using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations.Events;

/// <summary>The end of an event: first whoever is to hear of it, then its outcome.</summary>
internal sealed class EventEnd(Destinations destinations, OutcomeWriter writer, OutcomeStore store, EventMeters meters, TimeProvider time)
{
    public async Task<bool> HasEndedAsync(Guid requestId, CancellationToken cancellationToken) =>
        await store.FindAsync(requestId, cancellationToken) is { State: not EventOutcome.Waiting };

    public async Task EndAsync(Attempted attempted, string condition, CancellationToken stopping)
    {
        var undelivered = await destinations.DeliverAsync(attempted, condition, stopping);
        await writer.WriteAsync(OutcomeOf(attempted, EventOutcome.StateOf(condition)) with { Condition = condition, DeliveryError = undelivered });
        meters.Finished(condition);
    }

    /// <summary>Between two attempts.</summary>
    public Task WaitAsync(Attempted attempted)
    {
        meters.Delayed();
        return writer.WriteAsync(OutcomeOf(attempted, EventOutcome.Waiting) with { RetryAt = time.GetUtcNow() + attempted.Decision.RetryAfter });
    }

    /// <summary>Of an event with which nothing could be done: nobody else is told, since that may be what fails.</summary>
    public Task GiveUpAsync(InvokeFunction invocation, string error)
    {
        var attempted = new Attempted(invocation, Target: null, Result: null, EventDecision.End(EventCondition.Unprocessable)) { Error = error };
        meters.Finished(EventCondition.Unprocessable);
        return writer.WriteAsync(OutcomeOf(attempted, EventOutcome.StateOf(EventCondition.Unprocessable)) with { Condition = EventCondition.Unprocessable });
    }

    /// <summary>Of a message that nobody can read: all that is known is its id.</summary>
    public Task EndUnreadableAsync(Guid requestId, string error) => writer.WriteAsync(new EventOutcome
    {
        RequestId = requestId,
        Function = new FunctionKey("", "", ""),
        Trigger = "",
        State = EventOutcome.StateOf(EventCondition.Unreadable),
        Condition = EventCondition.Unreadable,
        Attempts = 0,
        AcceptedAt = time.GetUtcNow(),
        UpdatedAt = time.GetUtcNow(),
        Error = error,
    });

    private EventOutcome OutcomeOf(Attempted attempted, string state) => new()
    {
        RequestId = attempted.Invocation.RequestId,
        Function = attempted.Invocation.Function,
        Qualifier = attempted.Invocation.Qualifier,
        Trigger = attempted.Invocation.Trigger,
        State = state,
        Attempts = attempted.Invocation.Runs,
        AcceptedAt = attempted.Invocation.AcceptedAt,
        UpdatedAt = time.GetUtcNow(),
        Error = attempted.Error,
    };
}
