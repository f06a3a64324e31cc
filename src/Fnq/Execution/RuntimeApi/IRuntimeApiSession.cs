namespace Fnq.Execution.RuntimeApi;

/// <summary>An event on its way to the runtime and its answer on the way back.</summary>
internal sealed class RuntimeApiRun
{
    public required string RequestId { get; init; }
    public required string InvokedFunctionArn { get; init; }
    public required string TraceId { get; init; }
    public string? ClientContext { get; init; }
    /// <summary>Let go when the run is over.</summary>
    public required ReadOnlyMemory<byte> Event { get; set; }

    /// <summary>Milliseconds since 1970; set when the event is handed over.</summary>
    public long DeadlineUnixMilliseconds { get; set; }
}

internal enum ReplyKind
{
    Response,
    Error,

    /// <summary>A response beyond the limit; an error beyond it is cut instead.</summary>
    TooLarge,
}

internal enum Verdict
{
    Accepted,
    InvalidRequestId,
    InvalidStateTransition,

    /// <summary>Another connection is in the middle of the reply: if it has been cut off, that is about to be noticed.</summary>
    ReplyUnderWay,
}

/// <summary>The environment as its Runtime API sees it.</summary>
internal interface IRuntimeApiSession
{
    /// <summary>Counts the starts of the runtime.</summary>
    int Generation { get; }

    /// <summary>Completes with the next event; null when the connection shall be closed instead. Not accepted: out of order.</summary>
    ValueTask<RuntimeApiRun?> NextAsync(RuntimeApiConnection connection, out Verdict verdict);

    Verdict BeginReply(ReadOnlySpan<char> requestId, out RuntimeApiRun? run);

    void BreakReply(RuntimeApiRun run);

    /// <summary>The answer counts from here on; whoever waits for it is told by <see cref="PublishReply"/>.</summary>
    bool EndReply(RuntimeApiRun run, ReplyKind kind, ReadOnlyMemory<byte> body, string? errorType);

    void PublishReply(RuntimeApiRun run);

    Verdict BeginInitError(RuntimeApiConnection connection);

    void BreakInitError(RuntimeApiConnection connection);

    void EndInitError(RuntimeApiConnection connection, ReadOnlyMemory<byte> body, string errorType);
}
