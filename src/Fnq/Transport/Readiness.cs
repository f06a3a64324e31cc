using System.Threading.Tasks.Sources;

namespace Fnq.Transport;

/// <summary>What one side waits for and the loop says. The waiting code goes on in the call that says it.</summary>
internal sealed class Readiness : IValueTaskSource
{
    private const int Nothing = 0, Said = 1, Awaited = 2;

    private ManualResetValueTaskSourceCore<bool> _source;
    private int _state;

    public void Set()
    {
        while (true)
        {
            var state = Volatile.Read(ref _state);
            if (state == Said)
            {
                return;
            }

            if (Interlocked.CompareExchange(ref _state, state == Awaited ? Nothing : Said, state) == state)
            {
                if (state == Awaited)
                {
                    _source.SetResult(true);
                }

                return;
            }
        }
    }

    /// <summary>One waits at a time; what was said before counts.</summary>
    public ValueTask WaitAsync()
    {
        _source.Reset();
        if (Interlocked.CompareExchange(ref _state, Awaited, Nothing) == Nothing)
        {
            return new ValueTask(this, _source.Version);
        }

        Volatile.Write(ref _state, Nothing);
        return default;
    }

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
