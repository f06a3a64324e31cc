namespace Fnq.Execution;

/// <summary>The median of the last runs of a deployment; written by every run, read when somebody must wait.</summary>
internal sealed class RunTimes
{
    private const int Kept = 15;

    private readonly long[] _ticks = new long[Kept];
    private int _count;

    public void Add(TimeSpan run) => _ticks[(Interlocked.Increment(ref _count) - 1 & int.MaxValue) % Kept] = run.Ticks;

    public TimeSpan? Median()
    {
        var filled = Math.Min(Volatile.Read(ref _count), Kept);
        if (filled == 0)
        {
            return null;
        }

        Span<long> sorted = stackalloc long[filled];
        _ticks.AsSpan(0, filled).CopyTo(sorted);
        sorted.Sort();
        return TimeSpan.FromTicks(sorted[filled / 2]);
    }
}
