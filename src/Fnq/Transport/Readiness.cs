using System.Runtime.CompilerServices;

namespace Fnq.Transport;

/// <summary>
/// What one awaits and the loop says. Who awaits goes on in the call that says it; what was said before counts, once.
/// </summary>
internal sealed class Readiness : ICriticalNotifyCompletion
{
    private static readonly Action Said = static () => { };

    // Null, Said, or how the one who waits goes on: never two of them, so that no call can meet a wait half set up.
    private Action? _state;

    /// <summary>Asking takes what was said.</summary>
    public bool IsCompleted => Interlocked.CompareExchange(ref _state, null, Said) == Said;

    public Readiness GetAwaiter() => this;

    public void GetResult()
    {
        // Nothing comes with it.
    }

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
    {
        if (Interlocked.CompareExchange(ref _state, continuation, null) is not null)
        {
            Volatile.Write(ref _state, null);
            ThreadPool.UnsafeQueueUserWorkItem(static then => then(), continuation, preferLocal: true);
        }
    }

    public void Set()
    {
        var state = Volatile.Read(ref _state);
        while (state != Said)
        {
            var before = Interlocked.CompareExchange(ref _state, state is null ? Said : null, state);
            if (before == state)
            {
                state?.Invoke();
                return;
            }

            state = before;
        }
    }
}
