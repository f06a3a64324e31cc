namespace Fnq.Execution.RuntimeApi;

/// <summary>The open connections of one environment, and what they may still ask.</summary>
internal sealed class RuntimeApiConnections(Action<RuntimeApiConnection> closed, RuntimeApiLimits limits, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly List<RuntimeApiConnection> _open = [];
    private readonly CallBudget _connections = new(time, limits.ConnectionBurst, limits.ConnectionsPerSecond);
    private readonly CallBudget _idleCalls = new(time, limits.IdleCallBurst, limits.IdleCallsPerSecond);

    public bool IsFull
    {
        get
        {
            lock (_gate)
            {
                return _open.Count >= limits.Connections;
            }
        }
    }

    /// <summary>Until another connection may come; they wait in the listener's backlog, where they cost nothing.</summary>
    public ValueTask PaceConnectionsAsync() => WaitAsync(_connections.Take());

    /// <summary>Until a call that moves no invocation on may be answered.</summary>
    public ValueTask PaceIdleCallsAsync() => WaitAsync(_idleCalls.Take());

    public void Add(RuntimeApiConnection connection)
    {
        lock (_gate)
        {
            _open.Add(connection);
        }

        connection.Transport.ConnectionClosed.UnsafeRegister(
            static state =>
            {
                var (self, gone) = ((RuntimeApiConnections, RuntimeApiConnection))state!;
                self.Remove(gone);
            },
            (this, connection));
    }

    public void AbortAll()
    {
        RuntimeApiConnection[] open;
        lock (_gate)
        {
            open = [.. _open];
        }

        foreach (var connection in open)
        {
            connection.Abort();
        }
    }

    public ValueTask WaitAsync(TimeSpan wait) => wait == TimeSpan.Zero ? default : new ValueTask(Task.Delay(wait, time));

    private void Remove(RuntimeApiConnection connection)
    {
        lock (_gate)
        {
            _open.Remove(connection);
        }

        closed(connection);
    }
}
