using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>One attempt on its way to an environment.</summary>
public sealed record InvocationRequest
{
    public required Guid RequestId { get; init; }

    /// <summary>Made by the caller with every send, so that whoever answers for a lost run can name its record.</summary>
    public required RunId RunId { get; init; }
    public required DeploymentId Deployment { get; init; }

    /// <summary>As asked for: with the alias or version that the caller used.</summary>
    public required string InvokedFunctionArn { get; init; }
    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Decoded JSON, or null.</summary>
    public string? ClientContext { get; init; }
    public required string TraceId { get; init; }
    public bool WantsLogTail { get; init; }

    /// <summary>A run that has not begun by then never begins.</summary>
    public required DateTimeOffset StartDeadline { get; init; }
    /// <summary>From here on it waits for its run; null when whoever sent it does not say.</summary>
    public DateTimeOffset? AcceptedAt { get; init; }
    public string Trigger { get; init; } = "api";
    public int Attempt { get; init; } = 1;
    public int Delivery { get; init; } = 1;
}

/// <summary>What became of a request as far as the platform is concerned; the function's own failures are Completed.</summary>
public enum DispatchStatus
{
    Completed = 0,

    /// <summary>A concurrency limit or a full fleet: 429.</summary>
    Throttled = 1,

    /// <summary>Begun, or perhaps begun, and its worker is gone: 500, never run again.</summary>
    PlatformLost = 2,

    /// <summary>Not begun before its start deadline.</summary>
    Expired = 3,

    /// <summary>The broker cannot be reached or blocks: 503.</summary>
    Unavailable = 4,

    /// <summary>No such deployment any more.</summary>
    Gone = 5,
}

public sealed record InvocationResult
{
    public required DispatchStatus Status { get; init; }
    public RunOutcome Outcome { get; init; }
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Header X-Amz-Function-Error: Unhandled.</summary>
    public bool IsFunctionError { get; init; }
    public string ExecutedVersion { get; init; } = "$LATEST";

    /// <summary>The last 4,096 bytes of the invocation's log, when asked for.</summary>
    public ReadOnlyMemory<byte> LogTail { get; init; }

    public static InvocationResult Of(DispatchStatus status) => new() { Status = status };
}
