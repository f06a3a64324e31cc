using System.Threading.Tasks.Sources;

namespace Fnq.Execution.RuntimeApi;

/// <summary>
/// Hands one value from one side to the other, again and again, without allocating. The waiting side continues on the
/// thread of the giving side: one thread hop less in each direction of a run.
/// </summary>
internal sealed class Rendezvous<T> : IValueTaskSource<T>
{
    private ManualResetValueTaskSourceCore<T> _core;

    /// <summary>Begins a round; the last one must have been awaited to its end.</summary>
    public ValueTask<T> Begin()
    {
        _core.Reset();
        return new ValueTask<T>(this, _core.Version);
    }

    public void Give(T value) => _core.SetResult(value);

    T IValueTaskSource<T>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
