namespace Fnq.Contracts;

/// <summary>How a run ended, as billed and shown.</summary>
public enum RunOutcome
{
    Succeeded = 0,
    FunctionError = 1,
    TimedOut = 2,
    RuntimeExited = 3,
    OutOfMemory = 4,
    InitFailed = 5,
    ResponseTooLarge = 6,
    PlatformLost = 7,
}

/// <summary>The metered facts of one run; exactly one exists for every run.</summary>
public sealed record InvocationRecord
{
    public required RunId RunId { get; init; }
    public required Guid RequestId { get; init; }
    public required FunctionKey Function { get; init; }

    /// <summary><c>$LATEST</c> or a number.</summary>
    public required string Version { get; init; }
    public required DeploymentId Deployment { get; init; }

    /// <summary><c>x86_64</c> or <c>arm64</c>: the price depends on it.</summary>
    public required string Architecture { get; init; }

    /// <summary>What caused the invocation: <c>api</c>, <c>url</c>, <c>queue</c>, <c>schedule</c>, <c>object</c>, <c>destination</c>.</summary>
    public required string Trigger { get; init; }

    /// <summary>1 for the first try of an asynchronous event; 1 for every synchronous one.</summary>
    public required int Attempt { get; init; }

    /// <summary>1, or 2 when the caller resent a request that had not begun.</summary>
    public required int Delivery { get; init; }
    public required int MemorySizeMb { get; init; }
    public required int EphemeralStorageMb { get; init; }

    /// <summary>Whole milliseconds, rounded up, initialisation included on a cold start (as AWS since August 2025).</summary>
    public required long BilledMilliseconds { get; init; }
    public required double DurationMilliseconds { get; init; }

    /// <summary>Zero on a warm start.</summary>
    public required double InitMilliseconds { get; init; }
    public required int PeakMemoryMb { get; init; }
    public required RunOutcome Outcome { get; init; }
    public required NodeId Worker { get; init; }
    public required string Environment { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
}
