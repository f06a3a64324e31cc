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
    private const int OverflowPrefetch = 16;
    private const int OverflowPriority = 0;
    private const int WarmPriority = 10;

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly IChannel _channel;
    private readonly Func<LaneDelivery, ILaneMember?, Task> _handle;
    private readonly TimeProvider _time;
    private string? _overflowTag;

    private Lane(DeploymentId deployment, IChannel channel, Func<LaneDelivery, ILaneMember?, Task> handle, TimeProvider time) =>
        (Deployment, _channel, _handle, _time, LastDeliveryAt) = (deployment, channel, handle, time, time.GetTimestamp());

    public DeploymentId Deployment { get; }

    public bool IsOpen => _channel.IsOpen;

    /// <summary>Timestamp of the last delivery: members stay out of a lane that nobody uses.</summary>
    public long LastDeliveryAt { get; private set; }

    public static async Task<Lane> OpenAsync(
        IConnection connection, DeploymentId deployment, Func<LaneDelivery, ILaneMember?, Task> handle, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        await LaneTopology.DeclareLaneAsync(channel, deployment, cancellationToken);
        var lane = new Lane(deployment, channel, handle, time);
        lane._overflowTag = await lane.ConsumeAsync(null, OverflowPrefetch, OverflowPriority);
        return lane;
    }

    /// <summary>Makes an environment a consumer of its own: from now on the broker finds it when it is ready.</summary>
    public Task JoinAsync(ILaneMember member) => ExclusiveAsync(async () =>
        member.ConsumerTag ??= await ConsumeAsync(member, prefetch: 1, WarmPriority));

    /// <summary>What was already delivered to it still comes and is run by whichever environment is free.</summary>
    public Task LeaveAsync(ILaneMember member) => ExclusiveAsync(async () =>
    {
        if (member.ConsumerTag is { } tag)
        {
            member.ConsumerTag = null;
            await _channel.BasicCancelAsync(tag);
        }
    });

    /// <summary>Takes nothing more for no environment; what was delivered is still handled and acked on the open channel.</summary>
    public Task StopOverflowAsync() => ExclusiveAsync(async () =>
    {
        if (_overflowTag is { } tag)
        {
            _overflowTag = null;
            await _channel.BasicCancelAsync(tag);
        }
    });

    /// <summary>Gives up the lane of a deployment that has no environment here. A message that came meanwhile keeps its queue.</summary>
    public async Task CloseAsync()
    {
        await StopOverflowAsync();
        await ExclusiveAsync(async () =>
        {
            try
            {
                // With nobody else on it the queue goes, so that the next request is cold at once and not stranded here.
                await _channel.QueueDeleteAsync(LaneTopology.LaneOf(Deployment), ifUnused: true, ifEmpty: true);
                await _channel.DisposeAsync();
            }
            catch (OperationInterruptedException)
            {
                // Others use it, or it is not empty. The broker has closed the channel, and what was unacked goes to them.
            }
        });
    }

    private async Task<string> ConsumeAsync(ILaneMember? member, ushort prefetch, int priority)
    {
        await _channel.BasicQosAsync(0, prefetch, global: false);
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += (_, delivery) => OnDeliveryAsync(delivery, member);
        return await _channel.BasicConsumeAsync(
            LaneTopology.LaneOf(Deployment), autoAck: false, consumerTag: "", noLocal: false, exclusive: false,
            new Dictionary<string, object?> { ["x-priority"] = priority }, consumer);
    }

    private Task OnDeliveryAsync(BasicDeliverEventArgs delivery, ILaneMember? member)
    {
        LastDeliveryAt = _time.GetTimestamp();

        // Not awaited: a callback that waits for a run would hold back every other delivery of the channel.
        _ = _handle(LaneDelivery.From(_channel, delivery), member);
        return Task.CompletedTask;
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
