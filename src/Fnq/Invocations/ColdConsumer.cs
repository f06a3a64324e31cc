using System.Collections.Concurrent;
using System.Text;
using Fnq.Contracts;
using Fnq.Dispatch;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

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
    private IChannel? _channel;
    private string? _tag;
    private int _resuming;
    private volatile bool _stopped;

    public async Task OpenAsync(IConnection connection, CancellationToken cancellationToken)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        await LaneTopology.DeclareAsync(channel, cancellationToken);
        await channel.BasicQosAsync(0, Prefetch, global: false, cancellationToken);
        Fnq.Messaging.KeptConnection.EndWith(connection, channel);
        (_channel, _tag) = (channel, null);
        await ConsumeAsync();
    }

    /// <summary>Called whenever room appears; cheap when the consumer is there already.</summary>
    public void Resume()
    {
        if (_tag is null && !_stopped && Volatile.Read(ref _resuming) == 0 && leases.HasRoom && Interlocked.Exchange(ref _resuming, 1) == 0)
        {
            _ = ResumeAsync();
        }
    }

    /// <summary>For good: this worker takes nothing cold any more.</summary>
    public async Task StopAsync()
    {
        _stopped = true;
        await PauseAsync();
    }

    private async Task ResumeAsync()
    {
        try
        {
            await ConsumeAsync();
        }
        catch (Exception error) when (error is AlreadyClosedException or OperationInterruptedException)
        {
            ColdConsumerLog.TakeFailed(logger, error); // With a new link everything is set up again.
        }

        Volatile.Write(ref _resuming, 0);
    }

    public async Task PauseAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_tag is { } tag && _channel is { IsOpen: true } channel)
            {
                _tag = null;
                await channel.BasicCancelAsync(tag);
            }
        }
        catch (Exception error) when (error is AlreadyClosedException or OperationInterruptedException)
        {
            ColdConsumerLog.TakeFailed(logger, error);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task ConsumeAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (!_stopped && _tag is null && _channel is { IsOpen: true } channel)
            {
                var consumer = new AsyncEventingBasicConsumer(channel);
                consumer.ReceivedAsync += (_, delivery) =>
                {
                    _ = TakeAsync(channel, delivery);
                    return Task.CompletedTask;
                };
                _tag = await channel.BasicConsumeAsync(LaneTopology.ColdQueue, autoAck: false, consumer);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Reads the body before its first await: the client takes its buffer back after the callback.</summary>
    private async Task TakeAsync(IChannel channel, BasicDeliverEventArgs delivery)
    {
        var tag = delivery.DeliveryTag;
        try
        {
            if (delivery.BasicProperties.Type == LaneTopology.Kind.Help)
            {
                await TryOpenLaneAsync(new DeploymentId(Encoding.UTF8.GetString(delivery.Body.Span)));
                await channel.BasicAckAsync(tag, multiple: false);
            }
            else
            {
                await TakeRequestAsync(LaneDelivery.From(channel, delivery));
            }
        }
        catch (FormatException error)
        {
            ColdConsumerLog.TakeFailed(logger, error);
            await channel.BasicRejectAsync(tag, requeue: false);
        }
        catch (Exception error)
        {
            ColdConsumerLog.TakeFailed(logger, error);
        }

        if (!leases.HasRoom)
        {
            await PauseAsync();
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
                await replies.HandBackAsync(delivery, CancellationToken.None);
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
