using Fnq.Contracts;

namespace Fnq.Invocations.Events;

/// <summary>Where an event stands: a row of <c>event_outcomes</c>.</summary>
internal sealed record EventOutcome
{
    public const string Waiting = "waiting";
    private const string Succeeded = "succeeded";
    private const string Failed = "failed";
    private const string Expired = "expired";

    public required Guid RequestId { get; init; }
    public required FunctionKey Function { get; init; }
    public string? Qualifier { get; init; }
    public required string Trigger { get; init; }
    public required string State { get; init; }

    /// <summary>One of <see cref="EventCondition"/>; null while it waits.</summary>
    public string? Condition { get; init; }

    /// <summary>Runs that began, or may have begun.</summary>
    public required int Attempts { get; init; }
    public required DateTimeOffset AcceptedAt { get; init; }
    public required DateTimeOffset UpdatedAt { get; init; }
    public DateTimeOffset? RetryAt { get; init; }
    public string? Error { get; init; }
    public string? DeliveryError { get; init; }

    public static string StateOf(string condition) => condition switch
    {
        EventCondition.Success => Succeeded,
        EventCondition.AgeExceeded => Expired,
        _ => Failed,
    };
}
