using Fnq.Dispatch;

namespace Fnq.Execution;

/// <summary>Those who wait for an environment, with one timer for all of them.</summary>
internal sealed partial class DeploymentPool
{
    private static readonly TimeSpan MinPatience = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan MaxPatience = TimeSpan.FromMilliseconds(100);

    // Oldest first. Whoever takes one out, under the gate, completes it, outside: the request goes on in that call.
    private readonly Queue<EnvironmentWaiter> _waiting = new();
    private ITimer? _lookTimer;
    private DateTimeOffset _nextLook = DateTimeOffset.MaxValue;

    /// <summary>Whoever has waited as long as a start takes was told wrong by the median, and the policy is asked again.</summary>
    private TimeSpan Patience => ColdStart < MinPatience ? MinPatience : ColdStart > MaxPatience ? MaxPatience : ColdStart;

    /// <summary>Under the gate.</summary>
    private EnvironmentWaiter Enqueue(DateTimeOffset startDeadline)
    {
        var waiter = new EnvironmentWaiter(time.GetTimestamp(), startDeadline);
        _waiting.Enqueue(waiter);
        LookBy(startDeadline, time.GetUtcNow());
        return waiter;
    }

    /// <summary>Under the gate. The timer is set anew only for what comes before it.</summary>
    private void LookBy(DateTimeOffset deadline, DateTimeOffset now)
    {
        var patient = now + Patience;
        var due = deadline < patient ? deadline : patient;
        if (due < _nextLook)
        {
            _nextLook = due;
            _lookTimer ??= time.CreateTimer(static pool => ((DeploymentPool)pool!).LookAtWaiting(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _lookTimer.Change(due > now ? due - now : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Lets go of those whose deadline has come and asks the policy for the rest.</summary>
    private void LookAtWaiting()
    {
        List<EnvironmentWaiter>? late = null;
        lock (_gate)
        {
            var now = time.GetUtcNow();
            _nextLook = DateTimeOffset.MaxValue;
            for (var left = _waiting.Count; left > 0; left--)
            {
                var waiter = _waiting.Dequeue();
                if (waiter.StartDeadline <= now)
                {
                    (late ??= []).Add(waiter);
                    continue;
                }

                _waiting.Enqueue(waiter);
                LookBy(waiter.StartDeadline, now);
            }
        }

        late?.ForEach(waiter => waiter.SetCanceled(CancellationToken.None));
        ServeWaiting();
    }
}

/// <summary>A request without an environment yet. What waits for it continues on the thread that completes it: one hop less.</summary>
internal sealed class EnvironmentWaiter(long since, DateTimeOffset startDeadline) : TaskCompletionSource<IEnvironmentLease?>
{
    /// <summary>Timestamp of the time provider.</summary>
    public long Since { get; } = since;

    public DateTimeOffset StartDeadline { get; } = startDeadline;
}
