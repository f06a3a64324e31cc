using System.Collections.Concurrent;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Execution;

/// <summary>All environments of this node, pool by pool, and the room that they share.</summary>
internal sealed class WarmPool : IEnvironmentLeases, IAsyncDisposable
{
    /// <summary>The Shutdown phase takes 2 s at most, many removals on a busy host several; peers sweep the rest.</summary>
    private static readonly TimeSpan DestroyLimit = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<DeploymentId, DeploymentPool> _pools = new();
    private readonly ConcurrentDictionary<Task, byte> _underWay = new();
    private readonly TimeProvider _time;
    private readonly ILogger<DeploymentPool> _logger;
    private ILaneMembers? _lanes;
    private int _startsInFlight;
    private bool _closed;

    public WarmPool(EnvironmentFactory factory, WorkerOptions options, TimeProvider time, ILogger<DeploymentPool> logger)
    {
        (Factory, Options, _time, _logger) = (factory, options, time, logger);
        Capacity = new WorkerCapacity(options);
        Sweep = new IdleSweep(Tend, options.FreezeAfter, time);
    }

    public EnvironmentFactory Factory { get; }

    public WorkerOptions Options { get; }

    public WorkerCapacity Capacity { get; }

    public IdleSweep Sweep { get; }

    public int StartsInFlight => Volatile.Read(ref _startsInFlight);

    public bool HasRoom => !_closed && (Capacity.HasRoomFor(Options.FirstGuessMb) || OldestIdle() is not null);

    public ValueTask<IEnvironmentLease?> LeaseAsync(Deployment deployment, DateTimeOffset startDeadline) =>
        _closed
            ? ValueTask.FromResult<IEnvironmentLease?>(null)
            : PoolOf(deployment).AcquireAsync(startDeadline);

    public void Subscribe(ILaneMembers lanes) => _lanes = lanes;

    public void Retire(DeploymentId deployment)
    {
        if (_pools.TryRemove(deployment, out var pool))
        {
            pool.Retire();
        }
    }

    /// <summary>Ends the deployments of a function that are older than the one it runs now.</summary>
    public void RetireOlder(FunctionKey function, string version, DeploymentId? current)
    {
        foreach (var (id, pool) in _pools)
        {
            if (pool.Deployment.Function == function && pool.Deployment.Version == version && id != current)
            {
                Retire(id);
            }
        }
    }

    public int FirstGuessFor(Deployment deployment) => Math.Min(deployment.MemorySizeMb, Options.FirstGuessMb);

    /// <summary>Room for one more; if need be the environment that has been idle for longest ends for it.</summary>
    public Room Reserve(int expectedMb, DeploymentPool asking, out Task? eviction)
    {
        eviction = null;
        if (_closed)
        {
            return Room.None;
        }

        if (Capacity.TryReserve(expectedMb))
        {
            return Room.Reserved;
        }

        // The longest idle may have been leased since it was looked at; then the next one is as good.
        while (eviction is null && OldestIdle(except: asking) is { } pool)
        {
            eviction = pool.TryEvict();
        }

        return eviction is null ? Room.None : Room.Coming;
    }

    public void StartBegun() => Interlocked.Increment(ref _startsInFlight);

    /// <summary>A start that never began: nobody can start because of it.</summary>
    public void StartGivenUp() => Interlocked.Decrement(ref _startsInFlight);

    public void StartEnded()
    {
        Interlocked.Decrement(ref _startsInFlight);
        ServeAll();
    }

    /// <summary>There is something to freeze, and something to end for a deployment that has nothing here.</summary>
    public void BecameIdle()
    {
        Sweep.Arm();
        _lanes?.RoomMade();
    }

    public void RoomMade()
    {
        ServeAll();
        _lanes?.RoomMade();
    }

    public void Idle(PooledEnvironment environment) => _lanes?.Idle(environment);

    public void Came(PooledEnvironment environment) => _lanes?.Joined(environment);

    public void Gone(PooledEnvironment environment) => _lanes?.Left(environment);

    public void NeedsHelp(DeploymentId deployment) => _lanes?.NeedsHelp(deployment);

    /// <summary>Kept in sight, so that a stop leaves no sandbox behind.</summary>
    public void UnderWay(Task startOrEnd)
    {
        if (!startOrEnd.IsCompleted)
        {
            _underWay.TryAdd(startOrEnd, default);
            startOrEnd.ContinueWith(
                (ended, all) => ((ConcurrentDictionary<Task, byte>)all!).TryRemove(ended, out _), _underWay, TaskScheduler.Default);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _closed = true;
        foreach (var id in _pools.Keys)
        {
            Retire(id);
        }

        await Sweep.DisposeAsync();
        var closedAt = _time.GetTimestamp();
        while (!_underWay.IsEmpty && _time.GetElapsedTime(closedAt) is var gone && gone < DestroyLimit)
        {
            // A start that ends now is followed by its destruction: another look.
            await Task.WhenAll(_underWay.Keys).WaitAsync(DestroyLimit - gone, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private DeploymentPool? OldestIdle(DeploymentPool? except = null)
    {
        // By hand: MaxBy throws on an empty sequence of pairs, and empty is what a full node is.
        var (oldest, longest) = ((DeploymentPool?)null, TimeSpan.MinValue);
        foreach (var pool in _pools.Values)
        {
            if (pool != except && pool.LongestIdle() is { } idle && idle > longest)
            {
                (oldest, longest) = (pool, idle);
            }
        }

        return oldest;
    }

    private void ServeAll()
    {
        foreach (var pool in _pools.Values)
        {
            pool.ServeWaiting();
        }
    }

    /// <summary>Freezes and prunes; returns when to come back, or infinite when nothing is idle.</summary>
    private TimeSpan Tend()
    {
        var next = Timeout.InfiniteTimeSpan;
        foreach (var pool in _pools.Values)
        {
            var due = pool.Tend();
            if (due != Timeout.InfiniteTimeSpan && (next == Timeout.InfiniteTimeSpan || due < next))
            {
                next = due;
            }
        }

        return next;
    }

    private DeploymentPool PoolOf(Deployment deployment) =>
        _pools.TryGetValue(deployment.Id, out var pool)
            ? pool
            : _pools.GetOrAdd(deployment.Id, _ => new DeploymentPool(deployment, this, _time, _logger));
}

/// <summary>What a worker answers when a pool wants to start one more environment.</summary>
internal enum Room
{
    None,

    /// <summary>An idle environment of another deployment is being ended for it.</summary>
    Coming,
    Reserved,
}
