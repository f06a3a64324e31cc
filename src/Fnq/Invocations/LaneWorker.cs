using System.Collections.Concurrent;
using Fnq.Amqp;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Messaging;

namespace Fnq.Invocations;

/// <summary>
/// The worker's end of the lanes: takes from the cold queue while there is room, opens lanes, keeps environments in
/// them, and runs what is delivered. The end of a run is journal, reply, return of the environment, ack.
/// </summary>
internal sealed partial class LaneWorker : ILaneMembers, ILaneHandler, IAsyncDisposable
{
    private static readonly TimeSpan Demand = TimeSpan.FromSeconds(10);

    private readonly Lock _opening = new();
    private readonly ConcurrentDictionary<DeploymentId, Task<Lane>> _lanes = new();
    private readonly ConcurrentDictionary<DeploymentId, MembersHere> _members = new();
    private readonly ConcurrentDictionary<DeploymentId, long> _calledAt = new();
    private readonly IEnvironmentLeases _leases;
    private readonly IDeployments _deployments;
    private readonly LaneReplies _replies;
    private readonly ColdConsumer _cold;
    private readonly KeptConnection _link;
    private readonly LaneOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<LaneWorker> _logger;
    private AmqpConnection? _connection;
    private int _running;
    private volatile bool _draining;

    public LaneWorker(
        LaneOptions options, IEnvironmentLeases leases, IDeployments deployments, LaneReplies replies,
        TimeProvider time, ILogger<LaneWorker> logger)
    {
        (_options, _leases, _deployments, _replies, _time, _logger) = (options, leases, deployments, replies, time, logger);
        _cold = new ColdConsumer(this, leases, replies, logger);
        _link = new KeptConnection(options.PlatformAmqpUrl, "fnq lanes", SetUpAsync, time, logger);
        leases.Subscribe(this);
    }

    public bool IsUp => _link.IsUp;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _replies.StartAsync(cancellationToken);
        await _link.StartAsync(cancellationToken);
    }

    public void Joined(ILaneMember member)
    {
        _members.GetOrAdd(member.Deployment, _ => new MembersHere()).Add(member);
        PutInLane(member);
    }

    public void Left(ILaneMember member)
    {
        var last = _members.TryGetValue(member.Deployment, out var here) && here.Remove(member);
        if (!_lanes.TryGetValue(member.Deployment, out var lane))
        {
            return;
        }

        InBackground(async () =>
        {
            await (await lane).LeaveAsync(member);
            if (last)
            {
                OnQuiet(await lane);
            }
        });
    }

    public void Idle(ILaneMember member) => PutInLane(member);

    /// <summary>A lane without environments, and with nothing under way that would start one, is given up.</summary>
    public void OnQuiet(Lane lane)
    {
        if (lane.IsQuiet && !HasMembers(lane.Deployment))
        {
            InBackground(() => GiveUpAsync(lane));
        }
    }

    /// <summary>With its connection all lanes are made anew; a channel that ended alone is replaced by itself.</summary>
    public void OnShutdown(Lane lane, AmqpConnection connection)
    {
        if (connection.IsOpen && TryForget(lane) && _members.TryGetValue(lane.Deployment, out var here))
        {
            foreach (var member in here.All())
            {
                member.ConsumerTag = null;
                PutInLane(member);
            }
        }
    }

    /// <summary>Local demand has taken it: it leaves the lane until it has been idle for a while.</summary>
    public void TakenLocally(IEnvironmentLease lease)
    {
        if (lease is ILaneMember { ConsumerTag: not null } member && !_options.AlwaysInLane
            && _lanes.TryGetValue(member.Deployment, out var lane) && lane.IsCompletedSuccessfully)
        {
            InBackground(() => lane.Result.LeaveAsync(member));
        }
    }

    public void RoomMade() => _cold.OnRoomMade();

    public void NeedsHelp(DeploymentId deployment)
    {
        var now = _time.GetTimestamp();
        var last = _calledAt.GetOrAdd(deployment, long.MinValue);
        if ((last == long.MinValue || _time.GetElapsedTime(last, now) >= TimeSpan.FromSeconds(1)) && _calledAt.TryUpdate(deployment, now, last))
        {
            InBackground(() => _replies.CallForHelpAsync(deployment));
        }
    }

    /// <summary>One lane a deployment: a second one's consumer would belong to nobody.</summary>
    public Task<Lane> OpenAsync(DeploymentId deployment)
    {
        lock (_opening)
        {
            return _lanes.TryGetValue(deployment, out var opening) && (!opening.IsCompleted || IsOpen(opening))
                ? opening
                : _lanes[deployment] = OpenLaneAsync(deployment);
        }
    }

    /// <summary>Takes nothing more and returns when what runs has ended, or at the deadline.</summary>
    public async Task DrainAsync(TimeSpan longest)
    {
        _draining = true;
        await _cold.StopAsync();
        foreach (var opening in _lanes.Values)
        {
            await GuardAsync(async () => await GiveUpAsync(await opening));
        }

        var begun = _time.GetTimestamp();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20), _time);
        while ((Volatile.Read(ref _running) > 0 || !_cold.IsQuiet) && _time.GetElapsedTime(begun) < longest && await tick.WaitForNextTickAsync())
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _link.DisposeAsync();
        await _replies.DisposeAsync();
    }

    /// <summary>Ends this worker's part of a lane; what came by it still runs and is acked.</summary>
    private async Task GiveUpAsync(Lane lane)
    {
        if (TryForget(lane))
        {
            await lane.StopAsync();
            InBackground(lane.CloseAsync);
            await _replies.LeaveLaneAsync(lane.Deployment);
        }
    }

    private bool TryForget(Lane lane) =>
        _lanes.TryGetValue(lane.Deployment, out var opening) && opening.IsCompletedSuccessfully && opening.Result == lane
        && _lanes.TryRemove(new(lane.Deployment, opening));

    private bool HasMembers(DeploymentId deployment) => _members.TryGetValue(deployment, out var here) && !here.IsEmpty;

    /// <summary>Makes an environment a consumer of its lane where it belongs there; not while this worker drains.</summary>
    private void PutInLane(ILaneMember member)
    {
        if (!_draining && member.ConsumerTag is null && (_options.AlwaysInLane || IsLaneInUse(member.Deployment)))
        {
            InBackground(() => JoinAsync(member));
        }
    }

    private async Task JoinAsync(ILaneMember member)
    {
        var lane = await OpenAsync(member.Deployment);
        await lane.JoinAsync(member);
        if (!_members.TryGetValue(member.Deployment, out var here) || !here.Has(member))
        {
            await lane.LeaveAsync(member); // It ended meanwhile.
            OnQuiet(lane);
        }
        else if (!lane.IsOpen)
        {
            PutInLane(member); // The lane did: it was given up before it came.
        }
    }

    private bool IsLaneInUse(DeploymentId deployment) =>
        _lanes.TryGetValue(deployment, out var opening) && IsOpen(opening)
        && (_options.AlwaysInLane || _time.GetElapsedTime(opening.Result.LastDeliveryAt) < Demand);

    private static bool IsOpen(Task<Lane> opening) => opening is { IsCompletedSuccessfully: true, Result.IsOpen: true };

    private async Task<Lane> OpenLaneAsync(DeploymentId deployment)
    {
        await Task.Yield();
        var connection = _draining ? null : _connection;
        return await Lane.OpenAsync(connection ?? throw new IOException("No lanes are opened now: there is no link, or an end"), deployment, this, _time);
    }

    private async Task SetUpAsync(AmqpConnection connection)
    {
        _connection = connection;
        _lanes.Clear();
        await _cold.OpenAsync(connection);
        foreach (var here in _members.Values)
        {
            foreach (var member in here.All())
            {
                member.ConsumerTag = null;
                if (_options.AlwaysInLane)
                {
                    await JoinAsync(member);
                }
            }
        }
    }

    private void InBackground(Func<Task> work) => _ = GuardAsync(work);

    private async Task GuardAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception error)
        {
            LogLinkLost(error);
        }
    }
}
