using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>
/// How deep each function runs now, of the invocations that this node passed on for other functions. A function that
/// calls on without its trace header is still known by its credentials, and continues from here.
/// </summary>
internal sealed class RunningHops
{
    private readonly Lock _gate = new();
    private readonly Dictionary<FunctionKey, int[]> _running = [];

    /// <summary>0 for a function that only outsiders have called.</summary>
    public int DeepestOf(FunctionKey function)
    {
        lock (_gate)
        {
            return _running.TryGetValue(function, out var counts) ? Math.Max(0, Array.FindLastIndex(counts, count => count > 0)) : 0;
        }
    }

    /// <summary>From here on until it is disposed. Calls from outside are not counted: they are the hot path, and hop 0.</summary>
    public IDisposable? Enter(FunctionKey function, int hop)
    {
        if (hop == 0)
        {
            return null;
        }

        Add(function, hop, 1);
        return new Left(this, function, hop);
    }

    private void Add(FunctionKey function, int hop, int change)
    {
        lock (_gate)
        {
            if (!_running.TryGetValue(function, out var counts))
            {
                _running[function] = counts = new int[Lineage.Limit];
            }

            counts[hop] += change;
            if (Array.TrueForAll(counts, count => count == 0))
            {
                _running.Remove(function);
            }
        }
    }

    private sealed class Left(RunningHops running, FunctionKey function, int hop) : IDisposable
    {
        public void Dispose() => running.Add(function, hop, -1);
    }
}
