using Fnq.Contracts;
using Fnq.Dispatch;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

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

    private static readonly TimeSpan DispatchLimit = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _gate = new(1, 1);

    // Under the gate: when each consumer has had its last delivery.
    private readonly Dictionary<string, Task> _last = [];
    private readonly IChannel _channel;
    private readonly ILaneHandler _handler;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _quiet = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _overflowTag;
    private int _underWay;
    private bool _closing;

    private Lane(DeploymentId deployment, IChannel channel, ILaneHandler handler, TimeProvider time) =>
        (Deployment, _channel, _handler, _time, LastDeliveryAt) = (deployment, channel, handler, time, time.GetTimestamp());

    public DeploymentId Deployment { get; }

    public bool IsOpen => _channel.IsOpen && !Volatile.Read(ref _closing);

    /// <summary>Nothing that came by this lane is still handled here.</summary>
    public bool IsQuiet => Volatile.Read(ref _underWay) == 0;

    /// <summary>Timestamp of the last delivery: members stay out of a lane that nobody uses.</summary>
    public long LastDeliveryAt { get; private set; }

    public static async Task<Lane> OpenAsync(
        IConnection connection, DeploymentId deployment, ILaneHandler handler, TimeProvider time, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
            try
            {
                await LaneTopology.DeclareLaneAsync(channel, deployment, cancellationToken);
                var lane = new Lane(deployment, channel, handler, time);
                lane._overflowTag = await lane.ConsumeAsync(null, OverflowPrefetch, OverflowPriority);
                channel.ChannelShutdownAsync += (_, _) => handler.OnShutdownAsync(lane, connection);
                return lane;
            }
            catch (OperationInterruptedException) when (connection.IsOpen && attempt < 3)
            {
                // A worker that left the lane removed it between our declaration and our first consumer.
            }
        }
    }

    /// <summary>Makes an environment a consumer of its own: from now on the broker finds it when it is ready.</summary>
    public Task JoinAsync(ILaneMember member) => ExclusiveAsync(async () =>
        member.ConsumerTag ??= _closing ? null : await ConsumeAsync(member, prefetch: 1, WarmPriority));

    /// <summary>What was already delivered to it still comes and is run by whichever environment is free.</summary>
    public Task LeaveAsync(ILaneMember member) => ExclusiveAsync(async () =>
    {
        if (member.ConsumerTag is { } tag)
        {
            member.ConsumerTag = null;
            await CancelAsync(tag);
        }
    });

    /// <summary>Takes nothing more for no environment; what was delivered is still handled and acked on the open channel.</summary>
    public Task StopOverflowAsync() => ExclusiveAsync(async () =>
    {
        if (_overflowTag is { } tag)
        {
            _overflowTag = null;
            await CancelAsync(tag);
        }
    });

    /// <summary>Gives up the lane: takes nothing more, and closes when what came by it has been handled and acked.</summary>
    public async Task CloseAsync()
    {
        Volatile.Write(ref _closing, true);
        await StopOverflowAsync();
        if (!IsQuiet)
        {
            await _quiet.Task;
        }

        await ExclusiveAsync(async () => await _channel.DisposeAsync());
    }

    private async Task<string> ConsumeAsync(ILaneMember? member, ushort prefetch, int priority)
    {
        await _channel.BasicQosAsync(0, prefetch, global: false);
        var consumer = new AsyncEventingBasicConsumer(_channel);
        var last = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        consumer.ReceivedAsync += (_, delivery) => OnDeliveryAsync(delivery, member);
        consumer.UnregisteredAsync += (_, _) =>
        {
            last.TrySetResult();
            return Task.CompletedTask;
        };
        var tag = await _channel.BasicConsumeAsync(
            LaneTopology.LaneOf(Deployment), autoAck: false, consumerTag: "", noLocal: false, exclusive: false,
            new Dictionary<string, object?> { ["x-priority"] = priority }, consumer);
        _last[tag] = last.Task;
        return tag;
    }

    /// <summary>
    /// Returns when the consumer has had its last delivery. The client answers a cancel before it has dispatched what
    /// came earlier; a channel closed by then would hand fresh messages on as redelivered, and they would count as lost.
    /// </summary>
    private async Task CancelAsync(string tag)
    {
        await _channel.BasicCancelAsync(tag);
        if (_last.Remove(tag, out var last))
        {
            await last.WaitAsync(DispatchLimit, _time);
        }
    }

    private Task OnDeliveryAsync(BasicDeliverEventArgs delivery, ILaneMember? member)
    {
        LastDeliveryAt = _time.GetTimestamp();

        // Not awaited: a callback that waits for a run would hold back every other delivery of the channel.
        Interlocked.Increment(ref _underWay);
        _ = HandleAsync(LaneDelivery.From(_channel, delivery), member);
        return Task.CompletedTask;
    }

    private async Task HandleAsync(LaneDelivery delivery, ILaneMember? member)
    {
        await _handler.HandleAsync(delivery, member);
        if (Interlocked.Decrement(ref _underWay) == 0)
        {
            if (Volatile.Read(ref _closing))
            {
                _quiet.TrySetResult();
            }
            else
            {
                _handler.OnQuiet(this);
            }
        }
    }

    /// <summary>Joining, leaving and closing take turns: the prefetch that is set is the one of the next consumer.</summary>
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
    Task HandleAsync(LaneDelivery delivery, ILaneMember? member);

    /// <summary>All that came so far has been handled.</summary>
    void OnQuiet(Lane lane);

    /// <summary>Its channel has closed, alone or with its connection.</summary>
    Task OnShutdownAsync(Lane lane, IConnection connection);
}
