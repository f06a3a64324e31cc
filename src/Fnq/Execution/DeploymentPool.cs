using Fnq.Dispatch;

namespace Fnq.Execution;

/// <summary>The warm environments of one deployment on this node, and those who wait for one.</summary>
internal sealed partial class DeploymentPool(Deployment deployment, WarmPool node, TimeProvider time, ILogger logger)
{
    private readonly Lock _gate = new();

    // Last in, first out: surplus environments stay idle, freeze and age out.
    private readonly List<PooledEnvironment> _idle = [];
    private readonly HashSet<PooledEnvironment> _all = [];
    private readonly InitBackoff _initBackoff = new(time);
    private int _starting;
    private int _started;
    private bool _retired;
    private int _seenMb;

    public Deployment Deployment { get; } = deployment;

    public RunTimes Runs { get; } = new();

    /// <summary>MiB that another environment is expected to use: the most that one was seen to use here.</summary>
    public int ExpectedMb { get; private set; } = node.FirstGuessFor(deployment);

    public TimeSpan ColdStart { get; private set; } = TimeSpan.FromMilliseconds(100);

    public ValueTask<IEnvironmentLease?> AcquireAsync(DateTimeOffset startDeadline)
    {
        EnvironmentWaiter waiter;
        lock (_gate)
        {
            if (TakeIdle() is { } idle)
            {
                return ValueTask.FromResult<IEnvironmentLease?>(idle);
            }

            waiter = Enqueue(startDeadline);
        }

        ServeWaiting();
        return new ValueTask<IEnvironmentLease?>(waiter.Task);
    }

    public bool TryTake(PooledEnvironment environment)
    {
        lock (_gate)
        {
            if (!_idle.Remove(environment))
            {
                return false;
            }

            environment.MarkLeased();
            return true;
        }
    }

    public void Return(PooledEnvironment environment)
    {
        ExpectedMb = Math.Clamp(Math.Max(_seenMb, environment.Environment.PeakMemoryMb), 16, Deployment.MemorySizeMb);
        _seenMb = ExpectedMb;
        if (!environment.Environment.IsReusable || _retired || environment.IsWornOut(node.Options))
        {
            Discard(environment);
            return;
        }

        if (environment.NeedsSuccessor(node.Options))
        {
            StartSuccessor();
        }

        Offer(environment);
    }

    public void Retire()
    {
        List<PooledEnvironment> idle;
        lock (_gate)
        {
            // Under the gate: whoever comes back after this sees the mark and does not lie down in a pool that nobody tends.
            _retired = true;
            idle = [.. _idle];
            _idle.Clear();
        }

        idle.ForEach(environment => Discard(environment));
    }

    /// <summary>How long the environment that was returned first has been idle; null when none is idle.</summary>
    public TimeSpan? LongestIdle()
    {
        lock (_gate)
        {
            return _idle.Count == 0 ? null : _idle[0].IdleFor;
        }
    }

    /// <summary>Ends one idle environment for another deployment that needs the room; null when all are busy by now.</summary>
    public Task? TryEvict() => TakeAllIdle(_ => true, most: 1) is [var oldest] ? Discard(oldest) : null;

    /// <summary>Freezes what has been idle for a while and ends what is too old. Returns when to look again.</summary>
    public TimeSpan Tend()
    {
        TakeAllIdle(environment => environment.IdleFor >= node.Options.IdleTimeout || environment.IsWornOut(node.Options))
            .ForEach(environment => Discard(environment));
        foreach (var environment in TakeAllIdle(environment => !environment.IsFrozen && environment.IdleFor >= node.Options.FreezeAfter))
        {
            environment.Freeze();
            if (PutBack(environment, keepIdleSince: true))
            {
                node.Idle(environment);
            }
        }

        lock (_gate)
        {
            return _idle.Count == 0 ? Timeout.InfiniteTimeSpan
                : _idle.Exists(environment => !environment.IsFrozen) ? node.Options.FreezeAfter
                : node.Options.IdleTimeout - _idle[0].IdleFor;
        }
    }

    private PooledEnvironment? TakeIdle()
    {
        if (_idle.Count == 0)
        {
            return null;
        }

        var environment = _idle[^1];
        _idle.RemoveAt(_idle.Count - 1);
        environment.MarkLeased();
        return environment;
    }

    private List<PooledEnvironment> TakeAllIdle(Func<PooledEnvironment, bool> condition, int most = int.MaxValue)
    {
        lock (_gate)
        {
            List<PooledEnvironment> taken = [.. _idle.Where(condition).Take(most)];
            taken.ForEach(environment => _idle.Remove(environment));
            return taken;
        }
    }

    private void Offer(PooledEnvironment environment)
    {
        if (PutBack(environment))
        {
            node.BecameIdle();
        }
    }

    /// <summary>True: it lies idle. Not one that was spent while it was nobody's, when nobody could take it out.</summary>
    private bool PutBack(PooledEnvironment environment, bool keepIdleSince = false)
    {
        var handedTo = HandOver(environment, keepIdleSince);
        if (handedTo == HandedTo.Retirement || (handedTo == HandedTo.Idle && environment.Environment.Spent.IsCompleted && TryTake(environment)))
        {
            Discard(environment);
            return false;
        }

        return handedTo == HandedTo.Idle;
    }

    /// <summary>To the longest waiting, else to the idle ones.</summary>
    private HandedTo HandOver(PooledEnvironment environment, bool keepIdleSince)
    {
        EnvironmentWaiter? waiter;
        lock (_gate)
        {
            if (!_waiting.TryDequeue(out waiter))
            {
                return LieDown(environment, keepIdleSince);
            }

            environment.MarkLeased();
        }

        waiter.SetResult(environment);
        return HandedTo.Waiter;
    }

    /// <summary>Under the gate.</summary>
    private HandedTo LieDown(PooledEnvironment environment, bool keepIdleSince)
    {
        if (_retired)
        {
            return HandedTo.Retirement;
        }

        if (!keepIdleSince)
        {
            environment.MarkIdle();
            _idle.Add(environment);
        }
        else
        {
            _idle.Insert(0, environment);
        }

        return HandedTo.Idle;
    }

    /// <summary>The task ends when its room is free again.</summary>
    private Task Discard(PooledEnvironment environment)
    {
        lock (_gate)
        {
            if (!_all.Remove(environment))
            {
                return Task.CompletedTask;
            }
        }

        node.Gone(environment);
        var destruction = DestroyAsync(environment);
        node.UnderWay(destruction);
        ServeWaiting();
        return destruction;
    }

    private async Task DestroyAsync(PooledEnvironment environment)
    {
        // Off the caller's thread, as with a start: this is whose run was the last.
        await Task.Yield();
        try
        {
            await environment.Environment.DisposeAsync();
        }
        catch (Exception error)
        {
            LogDestroyFailed(error, environment.Environment.Id);
        }
        finally
        {
            node.Capacity.Release(environment.ReservedMb);
            node.RoomMade();
        }
    }

    /// <summary>What is spent while idle must not be leased; what is spent while busy says so by IsReusable.</summary>
    private async Task WatchAsync(PooledEnvironment environment)
    {
        await environment.Environment.Spent;
        if (TryTake(environment))
        {
            await Discard(environment);
        }
    }
}
