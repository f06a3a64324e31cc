using Microsoft.AspNetCore.Connections;

namespace Fnq.Execution.RuntimeApi;

/// <summary>One connection of a function to its Runtime API. The listener it came through says whose it is.</summary>
internal sealed class RuntimeApiConnection(IRuntimeApiSession session, int generation, ConnectionContext transport, RuntimeApiConnections all)
{
    public IRuntimeApiSession Session => session;

    /// <summary>Which start of the runtime it belongs to: what an ended process left in a socket is not heard.</summary>
    public int Generation => generation;

    public bool IsClosed => transport.ConnectionClosed.IsCancellationRequested;

    /// <summary>Before an answer to a call that moves no invocation on.</summary>
    public ValueTask PaceIdleCallAsync() => all.PaceIdleCallsAsync();

    public ValueTask PauseAsync(TimeSpan pause) => all.WaitAsync(pause);

    /// <summary>Where its call to <c>next</c> waits. A connection serves one call at a time, so one is enough.</summary>
    public Rendezvous<RuntimeApiRun?> Next { get; } = new();

    public ConnectionContext Transport => transport;

    public void Abort() => transport.Abort();
}
