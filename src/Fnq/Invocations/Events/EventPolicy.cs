using Fnq.Dispatch;

namespace Fnq.Invocations.Events;

/// <summary>Why an event ended, in AWS's words as far as AWS has them.</summary>
internal static class EventCondition
{
    public const string Success = "Success";
    public const string RetriesExhausted = "RetriesExhausted";
    public const string AgeExceeded = "EventAgeExceeded";

    /// <summary>Deleted since the event was accepted.</summary>
    public const string FunctionDeleted = "FunctionDeleted";

    /// <summary>Nothing could be done with it for as long as any event is tried.</summary>
    public const string Unprocessable = "Unprocessable";

    /// <summary>A message of the event queues that cannot be read.</summary>
    public const string Unreadable = "Unreadable";
}

/// <summary>How often and for how long an event has been tried.</summary>
/// <param name="Failures">Errors of the function, this attempt's included.</param>
/// <param name="Refusals">What the platform could not do, this attempt's included.</param>
/// <param name="Age">Since it was accepted.</param>
internal readonly record struct EventHistory(int Failures, int Refusals, TimeSpan Age);

/// <summary>What comes next for an event: an end with its condition, or another attempt after a while.</summary>
internal readonly record struct EventDecision(string? Condition, TimeSpan RetryAfter)
{
    public static EventDecision End(string condition) => new(condition, TimeSpan.Zero);
}

/// <summary>The retry policy of asynchronous invocations (lambda-api 3.1), pure.</summary>
internal static class EventPolicy
{
    /// <summary>After the first and after the second error of the function.</summary>
    private static readonly TimeSpan[] RetryDelays = [TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(120)];

    /// <summary>Before an attempt: one that is too old by now is not made.</summary>
    public static EventDecision? BeforeAttempt(TimeSpan age, EventTarget target) =>
        age > target.AgeMax ? EventDecision.End(EventCondition.AgeExceeded) : null;

    public static EventDecision AfterAttempt(DispatchStatus status, bool isFunctionError, EventHistory history, EventTarget target) => status switch
    {
        DispatchStatus.Completed when !isFunctionError => EventDecision.End(EventCondition.Success),
        DispatchStatus.Completed => AfterFailure(history, target),
        DispatchStatus.Gone => EventDecision.End(EventCondition.FunctionDeleted),
        _ => Retry(EventTopology.BackOff(history.Refusals), history, target),
    };

    private static EventDecision AfterFailure(EventHistory history, EventTarget target) => history.Failures > target.RetriesMax
        ? EventDecision.End(EventCondition.RetriesExhausted)
        : Retry(RetryDelays[Math.Min(history.Failures, RetryDelays.Length) - 1], history, target);

    /// <summary>By look-ahead: an event that would be too old at its next attempt ends now.</summary>
    private static EventDecision Retry(TimeSpan delay, EventHistory history, EventTarget target) =>
        history.Age + delay > target.AgeMax ? EventDecision.End(EventCondition.AgeExceeded) : new(null, delay);
}
