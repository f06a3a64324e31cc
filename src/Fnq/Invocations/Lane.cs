using Fnq.Amqp;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations;

/// <summary>
/// This worker's part in one lane: a consumer of low priority for what no warm environment anywhere takes, and one of
/// high priority for each of its environments. All of them on one channel of one broker connection; a new connection
/// makes new lanes.
/// </summary>
internal sealed class Lane
{
    private const int OverflowPrefetch = 64;
    private const int OverflowPriority = 0;
    private const int WarmPriority = 10;

    private readonly SemaphoreSlim _gate = new(1, 1);

    // Under the gate.
    private readonly HashSet<ILaneMember> _joined = [];
    private readonly AmqpChannel _channel;
    private readonly ILaneHandler _handler;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _quiet = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _overflowTag;
    private int _underWay;
    private bool _closing;
    private int _stopped;

    private Lane(DeploymentId deployment, AmqpChannel channel, ILaneHandler handler, TimeProvider time) =>
        (Deployment, _channel, _handler, _time, LastDeliveryAt) = (deployment, channel, handler, time, time.GetTimestamp());

    public DeploymentId Deployment { get; }

    public bool IsOpen => _channel.IsOpen && !Volatile.Read(ref _closing);

    /// <summary>Nothing that came by this lane is still handled here.</summary>
    public bool IsQuiet => Volatile.Read(ref _underWay) == 0;

    /// <summary>Timestamp of the last delivery: members stay out of a lane that nobody uses.</summary>
    public long LastDeliveryAt { get; private set; }

    /// <summary>Consumed first and bound then: nothing is ever routed to a lane that nobody has begun to consume.</summary>
    public static async Task<Lane> OpenAsync(AmqpConnection connection, DeploymentId deployment, ILaneHandler handler, TimeProvider time)
    {
        var channel = await connection.OpenChannelAsync();
        await LaneTopology.DeclareLaneAsync(channel, deployment);
        var lane = new Lane(deployment, channel, handler, time);
        lane._overflowTag = await lane.ConsumeAsync(null, OverflowPrefetch, OverflowPriority);
        await LaneTopology.BindLaneAsync(channel, deployment);
        channel.Closed.UnsafeRegister(static lane => ((Lane)lane!)._handler.OnShutdown((Lane)lane, ((Lane)lane)._channel.Connection), lane);
        return lane;
    }

    /// <summary>Makes an environment a consumer of its own: from now on the broker finds it when it is ready.</summary>
    public Task JoinAsync(ILaneMember member) => ExclusiveAsync(async () =>
    {
        if (!_closing && member.ConsumerTag is null)
        {
            member.ConsumerTag = await ConsumeAsync(member, prefetch: 1, WarmPriority);
            _joined.Add(member);
        }
    });

    /// <summary>What was delivered to it before is run by whichever environment is free.</summary>
    public Task LeaveAsync(ILaneMember member) => ExclusiveAsync(() => LeaveUnguardedAsync(member));

    /// <summary>
    /// Takes nothing more; what was delivered is still handled and acked on the open channel. All that came has come when this
    /// returns: a channel closed before would hand fresh messages on as redelivered, and they would count as lost.
    /// </summary>
    public Task StopAsync() => ExclusiveAsync(async () =>
    {
        Volatile.Write(ref _closing, true);
        if (_overflowTag is { } tag)
        {
            _overflowTag = null;
            await _channel.CancelAsync(tag);
        }

        foreach (var member in _joined.ToList())
        {
            await LeaveUnguardedAsync(member);
        }

        Interlocked.Exchange(ref _stopped, 1);
    });

    /// <summary>Once it is stopped: closes when what came by it has been handled and acked.</summary>
    public async Task CloseAsync()
    {
        if (!IsQuiet)
        {
            await _quiet.Task;
        }

        await _channel.DisposeAsync();
    }

    private async Task LeaveUnguardedAsync(ILaneMember member)
    {
        if (_joined.Remove(member) && member.ConsumerTag is { } tag)
        {
            member.ConsumerTag = null;
            await _channel.CancelAsync(tag);
        }
    }

    private Task<string> ConsumeAsync(ILaneMember? member, ushort prefetch, int priority) =>
        _channel.ConsumeAsync(LaneTopology.LaneOf(Deployment), message => OnDelivery(message, member), prefetch, priority: priority);

    private void OnDelivery(AmqpMessage message, ILaneMember? member)
    {
        LastDeliveryAt = _time.GetTimestamp();
        Interlocked.Increment(ref _underWay);
        _ = HandleAsync(message, member);
    }

    private async Task HandleAsync(AmqpMessage message, ILaneMember? member)
    {
        await _handler.HandleAsync(_channel, message, member);
        if (Interlocked.Decrement(ref _underWay) == 0)
        {
            if (Volatile.Read(ref _stopped) != 0)
            {
                _quiet.TrySetResult();
            }
            else if (!Volatile.Read(ref _closing))
            {
                _handler.OnQuiet(this);
            }
        }
    }

    /// <summary>Joining, leaving and closing take turns.</summary>
    private async Task ExclusiveAsync(Func<Task> action)
    {
        await _gate.WaitAsync();
        try
        {
            await action();
        }
        finally
        {
            _gate.Release();
        }
    }
}

/// <summary>What a lane's worker does with what comes by it.</summary>
internal interface ILaneHandler
{
    /// <summary>Never throws.</summary>
    Task HandleAsync(AmqpChannel channel, AmqpMessage message, ILaneMember? member);

    /// <summary>All that came so far has been handled.</summary>
    void OnQuiet(Lane lane);

    /// <summary>Its channel has closed, alone or with its connection.</summary>
    void OnShutdown(Lane lane, AmqpConnection connection);
}
