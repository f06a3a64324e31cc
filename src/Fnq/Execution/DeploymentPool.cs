using Fnq.Dispatch;

namespace Fnq.Execution;

/// <summary>The warm environments of one deployment on this node, and those who wait for one.</summary>
internal sealed partial class DeploymentPool(Deployment deployment, WarmPool node, TimeProvider time, ILogger logger)
{
    private readonly Lock _gate = new();

    // Last in, first out: surplus environments stay idle, freeze and age out.
    private readonly List<PooledEnvironment> _idle = [];
    private readonly HashSet<PooledEnvironment> _all = [];
    private readonly Queue<TaskCompletionSource<IEnvironmentLease?>> _waiting = new();
    private int _starting;
    private bool _retired;
    private int _seenMb;

    public Deployment Deployment { get; } = deployment;

    public RunTimes Runs { get; } = new();

    /// <summary>MiB that another environment is expected to use: the most that one was seen to use here.</summary>
    public int ExpectedMb { get; private set; } = node.FirstGuessFor(deployment);

    public TimeSpan ColdStart { get; private set; } = TimeSpan.FromMilliseconds(100);

    public bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _all.Count + _starting + _waiting.Count == 0;
            }
        }
    }

    public ValueTask<IEnvironmentLease?> AcquireAsync(DateTimeOffset startDeadline)
    {
        TaskCompletionSource<IEnvironmentLease?> waiter;
        lock (_gate)
        {
            if (TakeIdle() is { } idle)
            {
                return ValueTask.FromResult<IEnvironmentLease?>(idle);
            }

            waiter = new TaskCompletionSource<IEnvironmentLease?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiter);
        }

        ServeWaiting();
        return WaitAsync(waiter, startDeadline);
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
        if (!environment.Environment.IsReusable || _retired || environment.Age > node.Options.MaxLife)
        {
            Discard(environment);
            return;
        }

        if (!HandOver(environment))
        {
            node.Sweep.Arm();
        }
    }

    public void Retire()
    {
        _retired = true;
        foreach (var environment in TakeAllIdle(_ => true))
        {
            Discard(environment);
        }
    }

    /// <summary>How long the environment that was returned first has been idle; null when none is idle.</summary>
    public TimeSpan? LongestIdle()
    {
        lock (_gate)
        {
            return _idle.Count == 0 ? null : _idle[0].IdleFor;
        }
    }

    /// <summary>Ends one idle environment for another deployment that needs the room; false when all are busy by now.</summary>
    public bool TryEvict()
    {
        var oldest = TakeAllIdle(_ => true, most: 1);
        oldest.ForEach(Discard);
        return oldest.Count > 0;
    }

    /// <summary>Freezes what has been idle for a while and ends what is too old. Returns when to look again.</summary>
    public TimeSpan Tend()
    {
        TakeAllIdle(environment => environment.IdleFor >= node.Options.IdleTimeout || environment.Age >= node.Options.MaxLife)
            .ForEach(Discard);
        foreach (var environment in TakeAllIdle(environment => !environment.IsFrozen && environment.IdleFor >= node.Options.FreezeAfter))
        {
            environment.Freeze();
            HandOver(environment, keepIdleSince: true);
            node.Idle(environment);
        }

        lock (_gate)
        {
            return _idle.Count == 0 ? Timeout.InfiniteTimeSpan
                : _idle.Exists(environment => !environment.IsFrozen) ? node.Options.FreezeAfter
                : node.Options.IdleTimeout - _idle[0].IdleFor;
        }
    }

    private async ValueTask<IEnvironmentLease?> WaitAsync(
        TaskCompletionSource<IEnvironmentLease?> waiter, DateTimeOffset startDeadline)
    {
        var left = startDeadline - time.GetUtcNow();
        using var expiry = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        await using var registration = expiry.Token.UnsafeRegister(
            static (state, token) => ((TaskCompletionSource<IEnvironmentLease?>)state!).TrySetCanceled(token), waiter);
        return await waiter.Task;
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

    /// <summary>To the longest waiting, else to the idle ones. True when somebody had waited.</summary>
    private bool HandOver(PooledEnvironment environment, bool keepIdleSince = false)
    {
        lock (_gate)
        {
            while (_waiting.TryDequeue(out var waiter))
            {
                environment.MarkLeased();
                if (waiter.TrySetResult(environment))
                {
                    return true;
                }
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

            return false;
        }
    }

    private void Discard(PooledEnvironment environment)
    {
        lock (_gate)
        {
            if (!_all.Remove(environment))
            {
                return;
            }
        }

        node.Gone(environment);
        node.Destroying(DestroyAsync(environment));
        ServeWaiting();
    }

    private async Task DestroyAsync(PooledEnvironment environment)
    {
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

    /// <summary>Asks the policy what those who wait need, and does it.</summary>
    public void ServeWaiting()
    {
        while (true)
        {
            var decision = Decide(out var reservedMb);
            switch (decision)
            {
                case OverflowDecision.Start:
                    _ = StartAsync(reservedMb);
                    continue;
                case OverflowDecision.CallForHelp:
                    node.NeedsHelp(Deployment.Id);
                    return;
                case OverflowDecision.Refuse:
                    RefuseAll(null);
                    return;
                default:
                    return;
            }
        }
    }

    private OverflowDecision Decide(out int reservedMb)
    {
        lock (_gate)
        {
            reservedMb = ExpectedMb;
            while (_waiting.TryPeek(out var first) && first.Task.IsCompleted)
            {
                _waiting.Dequeue();
            }

            var situation = new OverflowSituation(
                _waiting.Count, _all.Count, _starting, node.StartsInFlight, Runs.Median(), ColdStart, node.Options.Cores, HasRoom: true);
            if (OverflowPolicy.Decide(situation) is not OverflowDecision.Start)
            {
                return OverflowDecision.Wait;
            }

            switch (node.Reserve(reservedMb, this))
            {
                case Room.Reserved:
                    _starting++;
                    node.StartBegun();
                    return OverflowDecision.Start;
                case Room.Coming:
                    return OverflowDecision.Wait;
                default:
                    return OverflowPolicy.Decide(situation with { HasRoom = false });
            }
        }
    }

    private async Task StartAsync(int reservedMb)
    {
        // Off the caller's thread: a start is long, and the caller only waits for whichever comes first.
        await Task.Yield();
        try
        {
            var environment = await node.Factory.StartAsync(Deployment, CancellationToken.None);
            Started(new PooledEnvironment(this, environment, time) { ReservedMb = reservedMb });
        }
        catch (Exception error)
        {
            StartFailed(error, reservedMb);
        }
    }

    private void Started(PooledEnvironment environment)
    {
        lock (_gate)
        {
            _starting--;
            _all.Add(environment);
            ColdStart = environment.Environment.ColdStart;
        }

        _ = WatchAsync(environment);
        node.Came(environment);
        if (_retired)
        {
            // Whoever waits still gets it; it is discarded on return.
            LogStartedForRetired(Deployment.Id.Value);
        }

        // Before the policy is asked again: who gets this one waits no more.
        if (!HandOver(environment))
        {
            node.Sweep.Arm();
        }

        node.StartEnded();
    }

    private void StartFailed(Exception error, int reservedMb)
    {
        bool nobodyElse;
        lock (_gate)
        {
            _starting--;
            nobodyElse = _all.Count + _starting == 0;
        }

        LogStartFailed(error, Deployment.Id.Value);
        node.StartEnded();
        node.Capacity.Release(reservedMb);
        if (nobodyElse)
        {
            RefuseAll(new EnvironmentStartException(error));
        }
    }

    private void RefuseAll(Exception? error)
    {
        lock (_gate)
        {
            while (_waiting.TryDequeue(out var waiter))
            {
                _ = error is null ? waiter.TrySetResult(null) : waiter.TrySetException(error);
            }
        }
    }

    /// <summary>A sandbox that dies while idle must not be leased; one that dies while busy says so by IsReusable.</summary>
    private async Task WatchAsync(PooledEnvironment environment)
    {
        await environment.Environment.Ended;
        if (TryTake(environment))
        {
            Discard(environment);
        }
    }
}
