namespace Fnq.Execution.RuntimeApi;

/// <summary>What one environment may ask of the worker through its Runtime API. Runtimes need a fraction of it.</summary>
internal sealed record RuntimeApiLimits
{
    /// <summary>Open at a time; what comes beyond is closed at once.</summary>
    public int Connections { get; init; } = 16;

    /// <summary>New connections at once and, after that, a second. A runtime that keeps none alive makes two an invocation.</summary>
    public int ConnectionBurst { get; init; } = 64;
    public int ConnectionsPerSecond { get; init; } = 500;

    /// <summary>
    /// Calls that move no invocation on (refused, unknown, ping) at once and, after that, a second. They cost the worker
    /// more than the function, whose CPU quota does not count them, so what comes beyond waits for its turn.
    /// </summary>
    public int IdleCallBurst { get; init; } = 100;
    public int IdleCallsPerSecond { get; init; } = 50;

    /// <summary>Of request line and headers together, as on AWS's emulator.</summary>
    public const int HeaderBytes = 64 * 1024;

    /// <summary>Read ahead of the server, for each connection; it has to hold a whole head.</summary>
    public const int ReadAheadBytes = 128 * 1024;
}

/// <summary>A bucket of tokens: so many at once, then so many a second.</summary>
internal sealed class CallBudget(TimeProvider time, int burst, int perSecond)
{
    private readonly Lock _gate = new();
    private double _tokens = burst;
    private long _filledAt = time.GetTimestamp();

    /// <summary>Takes a token, if need be one that is yet to come: how long until then.</summary>
    public TimeSpan Take()
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            _tokens = Math.Min(burst, _tokens + time.GetElapsedTime(_filledAt, now).TotalSeconds * perSecond) - 1;
            _filledAt = now;
            return _tokens >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(-_tokens / perSecond);
        }
    }
}
