using System.Collections.Concurrent;
using System.Text;
using Fnq.Amqp;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Messaging;

namespace Fnq.Invocations;

/// <summary>
/// Takes from the cold queue while this worker has room: requests of deployments that nobody has warm, and help notices.
/// One deployment may hold only a share of what is taken; by then it has a lane, and the rest goes there.
/// </summary>
internal sealed class ColdConsumer(LaneWorker worker, IEnvironmentLeases leases, LaneReplies replies, ILogger logger)
{
    private const ushort Prefetch = 16;
    private const int SharePerDeployment = 4;

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly ConcurrentDictionary<DeploymentId, int> _taken = new();
    private AmqpChannel? _channel;
    private string? _tag;
    private long _roomMade;
    private int _underWay;
    private int _resuming;
    private volatile bool _stopped;

    /// <summary>How often room has been made: who finds none says what he had read before he looked.</summary>
    public long RoomMade => Interlocked.Read(ref _roomMade);

    /// <summary>Nothing that was taken is still handled.</summary>
    public bool IsQuiet => Volatile.Read(ref _underWay) == 0;

    public async Task OpenAsync(AmqpConnection connection)
    {
        var channel = await connection.OpenChannelAsync();
        await LaneTopology.DeclareAsync(channel);
        KeptConnection.EndWith(channel);
        (_channel, _tag) = (channel, null);
        await ConsumeAsync();
    }

    public void OnRoomMade()
    {
        Interlocked.Increment(ref _roomMade);
        Resume();
    }

    /// <summary>For good: this worker takes nothing cold any more.</summary>
    public async Task StopAsync()
    {
        _stopped = true;
        await PauseAsync(RoomMade);
    }

    /// <summary>Takes nothing until room is made; not if it has been since <paramref name="roomMade"/> was read.</summary>
    public async Task PauseAsync(long roomMade)
    {
        await _gate.WaitAsync();
        try
        {
            if (_tag is { } tag && _channel is { IsOpen: true } channel && (_stopped || RoomMade == roomMade))
            {
                _tag = null;
                await channel.CancelAsync(tag);
            }
        }
        catch (AmqpClosedException error)
        {
            ColdConsumerLog.TakeFailed(logger, error); // With a new link everything is set up again.
        }
        finally
        {
            _gate.Release();
        }

        if (RoomMade != roomMade)
        {
            Resume();
        }
    }

    /// <summary>Cheap when the consumer is there already.</summary>
    private void Resume()
    {
        if (_tag is null && !_stopped && Volatile.Read(ref _resuming) == 0 && leases.HasRoom && Interlocked.Exchange(ref _resuming, 1) == 0)
        {
            _ = ResumeAsync();
        }
    }

    private async Task ResumeAsync()
    {
        try
        {
            await ConsumeAsync();
        }
        catch (AmqpClosedException error)
        {
            ColdConsumerLog.TakeFailed(logger, error);
        }

        Volatile.Write(ref _resuming, 0);
    }

    private async Task ConsumeAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (!_stopped && _tag is null && _channel is { IsOpen: true } channel)
            {
                _tag = await channel.ConsumeAsync(LaneTopology.ColdQueue, message => _ = TakeAsync(channel, message), Prefetch);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task TakeAsync(AmqpChannel channel, AmqpMessage message)
    {
        Interlocked.Increment(ref _underWay);
        try
        {
            if (message.Properties.Type == LaneTopology.Kind.Help)
            {
                await TryOpenLaneAsync(new DeploymentId(Encoding.UTF8.GetString(message.Body.Span)));
                await channel.AckAsync(message.DeliveryTag);
            }
            else if (await worker.ReadAsync(channel, message) is { } delivery)
            {
                await TakeRequestAsync(delivery);
            }

            var roomMade = RoomMade;
            if (!leases.HasRoom)
            {
                await PauseAsync(roomMade);
            }
        }
        catch (Exception error)
        {
            ColdConsumerLog.TakeFailed(logger, error);
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    /// <summary>A request runs without its lane too: what it costs is the warm start of the next one.</summary>
    private async Task<bool> TryOpenLaneAsync(DeploymentId deployment)
    {
        try
        {
            await worker.OpenAsync(deployment);
            return true;
        }
        catch (Exception error)
        {
            ColdConsumerLog.TakeFailed(logger, error);
            return false;
        }
    }

    private async Task TakeRequestAsync(LaneDelivery delivery)
    {
        var deployment = delivery.Request.Deployment;
        var held = _taken.AddOrUpdate(deployment, 1, static (_, count) => count + 1);
        try
        {
            if (await TryOpenLaneAsync(deployment) && held > SharePerDeployment && !delivery.Redelivered)
            {
                await replies.HandBackAsync(delivery);
                await delivery.AckAsync();
                return;
            }

            await worker.HandleAsync(delivery, member: null);
        }
        finally
        {
            if (_taken.AddOrUpdate(deployment, 0, static (_, count) => count - 1) <= 0)
            {
                _taken.TryRemove(new(deployment, 0));
            }
        }
    }
}

internal static partial class ColdConsumerLog
{
    [LoggerMessage(2210, LogLevel.Warning, "A message of the cold queue could not be taken")]
    public static partial void TakeFailed(ILogger logger, Exception error);
}
