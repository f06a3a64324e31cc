using Fnq.Contracts;

namespace Fnq.Schedules;

/// <summary>One due time of one target: an event that has to be published.</summary>
internal sealed record ScheduleFire
{
    public required Guid ScheduleId { get; init; }
    public required string TargetId { get; init; }
    public required DateTimeOffset DueAt { get; init; }
    public required Guid RequestId { get; init; }
    public required FunctionKey Function { get; init; }
    public string? Qualifier { get; init; }
    public required byte[] Payload { get; init; }
}

/// <summary>What became of a due time that an alarm rang for.</summary>
internal enum ClaimStatus
{
    /// <summary>It is ours: the fires are rows.</summary>
    Claimed = 0,

    /// <summary>Another process has dealt with it.</summary>
    Taken = 1,

    /// <summary>There is no such schedule any more, or it has changed since.</summary>
    Gone = 2,
}

internal sealed record Claim(ClaimStatus Status, IReadOnlyList<ScheduleFire> Fires);
