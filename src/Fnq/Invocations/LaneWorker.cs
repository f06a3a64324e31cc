using System.Collections.Concurrent;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Messaging;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Fnq.Invocations;

/// <summary>
/// The worker's end of the lanes: takes from the cold queue while there is room, opens lanes, keeps environments in
/// them, and runs what is delivered. The end of a run is journal, reply, return of the environment, ack.
/// </summary>
internal sealed partial class LaneWorker : ILaneMembers, ILaneHandler, IAsyncDisposable
{
    private static readonly TimeSpan Demand = TimeSpan.FromSeconds(10);

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
    private IConnection? _connection;
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
    public Task OnShutdownAsync(Lane lane, IConnection connection)
    {
        if (connection.IsOpen && TryForget(lane) && _members.TryGetValue(lane.Deployment, out var here))
        {
            foreach (var member in here.All())
            {
                member.ConsumerTag = null;
                PutInLane(member);
            }
        }

        return Task.CompletedTask;
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

    public void RoomMade() => _cold.Resume();

    public void NeedsHelp(DeploymentId deployment)
    {
        var now = _time.GetTimestamp();
        var last = _calledAt.GetOrAdd(deployment, long.MinValue);
        if ((last == long.MinValue || _time.GetElapsedTime(last, now) >= TimeSpan.FromSeconds(1)) && _calledAt.TryUpdate(deployment, now, last))
        {
            InBackground(async () => await _replies.CallForHelpAsync(deployment.Value));
        }
    }

    public Task<Lane> OpenAsync(DeploymentId deployment)
    {
        while (true)
        {
            var opening = _lanes.GetOrAdd(deployment, OpenLaneAsync);
            if (!opening.IsCompleted || (opening.IsCompletedSuccessfully && opening.Result.IsOpen))
            {
                return opening;
            }

            _lanes.TryRemove(new(deployment, opening));
        }
    }

    /// <summary>Takes nothing more and returns when what runs has ended, or at the deadline.</summary>
    public async Task DrainAsync(TimeSpan longest)
    {
        _draining = true;
        await _cold.StopAsync();
        foreach (var lane in OpenLanes())
        {
            await GuardAsync(() => StopAsync(lane));
        }

        var deadline = _time.GetTimestamp();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20), _time);
        while (Volatile.Read(ref _running) > 0 && _time.GetElapsedTime(deadline) < longest && await tick.WaitForNextTickAsync())
        {
        }

        foreach (var lane in OpenLanes())
        {
            await GuardAsync(() => lane.IsQuiet ? GiveUpAsync(lane) : Task.CompletedTask);
        }
    }

    private List<Lane> OpenLanes() => [.. _lanes.Values.Where(opening => opening.IsCompletedSuccessfully).Select(opening => opening.Result)];

    private async Task StopAsync(Lane lane)
    {
        await lane.StopOverflowAsync();
        if (_members.TryGetValue(lane.Deployment, out var here))
        {
            foreach (var member in here.All())
            {
                await lane.LeaveAsync(member);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _link.DisposeAsync();
        await _replies.DisposeAsync();
    }

    /// <summary>Closes this worker's part of a lane, and removes the lane if nobody else has one.</summary>
    private async Task GiveUpAsync(Lane lane)
    {
        if (TryForget(lane))
        {
            await lane.CloseAsync();
            await _replies.RemoveLaneIfUnusedAsync(lane.Deployment);
        }
    }

    private bool TryForget(Lane lane) =>
        _lanes.TryGetValue(lane.Deployment, out var opening) && opening.IsCompletedSuccessfully && opening.Result == lane
        && _lanes.TryRemove(new(lane.Deployment, opening));

    private bool HasMembers(DeploymentId deployment) => _members.TryGetValue(deployment, out var here) && !here.IsEmpty;

    /// <summary>Makes an environment a consumer of its lane where it belongs there; not while this worker drains.</summary>
    private void PutInLane(ILaneMember member)
    {
        if (!_draining && member.ConsumerTag is null && (_options.AlwaysInLane || LaneInUse(member.Deployment) is not null))
        {
            InBackground(async () => await (await OpenAsync(member.Deployment)).JoinAsync(member));
        }
    }

    private Lane? LaneInUse(DeploymentId deployment) =>
        _lanes.TryGetValue(deployment, out var lane) && lane is { IsCompletedSuccessfully: true, Result.IsOpen: true }
        && (_options.AlwaysInLane || _time.GetElapsedTime(lane.Result.LastDeliveryAt) < Demand)
            ? lane.Result
            : null;

    private async Task<Lane> OpenLaneAsync(DeploymentId deployment)
    {
        await Task.Yield();
        return await Lane.OpenAsync(
            _connection ?? throw new IOException("The broker connection for lanes is down"), deployment, this, _time, CancellationToken.None);
    }

    private async Task SetUpAsync(IConnection connection, CancellationToken cancellationToken)
    {
        _connection = connection;
        _lanes.Clear();
        await _cold.OpenAsync(connection, cancellationToken);
        foreach (var (deployment, here) in _members)
        {
            foreach (var member in here.All())
            {
                member.ConsumerTag = null;
            }

            if (!here.IsEmpty && _options.AlwaysInLane)
            {
                var lane = await OpenAsync(deployment);
                foreach (var member in here.All())
                {
                    await lane.JoinAsync(member);
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
