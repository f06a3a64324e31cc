namespace Fnq.Execution;

/// <summary>
/// Looks after idle environments for as long as there are any: one timer for the node, armed by the first that becomes
/// idle and silent while all are busy or none lives.
/// </summary>
internal sealed class IdleSweep : IAsyncDisposable
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(25);

    private readonly Func<TimeSpan> _tend;
    private readonly ITimer _timer;
    private readonly TimeSpan _first;
    private int _armed;

    public IdleSweep(Func<TimeSpan> tend, TimeSpan first, TimeProvider time)
    {
        (_tend, _first) = (tend, first);
        _timer = time.CreateTimer(_ => Run(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Called with every return: one read when the timer runs already.</summary>
    public void Arm()
    {
        if (Volatile.Read(ref _armed) == 0 && Interlocked.Exchange(ref _armed, 1) == 0)
        {
            _timer.Change(_first, Timeout.InfiniteTimeSpan);
        }
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Run()
    {
        // Disarmed before the look, so that whoever becomes idle during it arms again.
        Volatile.Write(ref _armed, 0);
        var next = _tend();
        if (next == Timeout.InfiniteTimeSpan)
        {
            return;
        }

        // A long wait leaves the flag down: the next environment to become idle may pull the timer forward.
        _timer.Change(next > Shortest ? next : Shortest, Timeout.InfiniteTimeSpan);
        if (Volatile.Read(ref _armed) == 1)
        {
            _timer.Change(_first, Timeout.InfiniteTimeSpan);
        }
    }
}
