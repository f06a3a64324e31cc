using Fnq.Messaging;
using RabbitMQ.Client;

namespace Fnq.Billing;

/// <summary>The queue of record batches and how to reach it: connections of billing's own, never shared with deliveries of runs.</summary>
internal sealed class RecordQueue(BillingOptions options)
{
    public Task<IConnection> ConnectAsync(string name, CancellationToken cancellationToken) =>
        BrokerConnection.OpenAsync(options.PlatformAmqpUrl, name, cancellationToken);

    public static async Task<IChannel> OpenAsync(IConnection connection, CancellationToken cancellationToken) =>
        await connection.CreateChannelAsync(cancellationToken: cancellationToken);

    public async Task DeclareAsync(IConnection connection, IChannel channel, CancellationToken cancellationToken)
    {
        var arguments = QuorumQueue.Arguments(QuorumQueue.ServerVersion(connection.ServerProperties));
        foreach (var name in new[] { options.QueueName, options.DeadQueueName })
        {
            await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: cancellationToken);
        }
    }

    /// <summary>Mandatory and persistent; returns when the broker has it, throws on a nack, a return or a lapse of the time.</summary>
    public async Task PublishAsync(IChannel channel, string queue, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var properties = new BasicProperties { DeliveryMode = DeliveryModes.Persistent, ContentType = "application/vnd.fnq.records" };
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.ConfirmTimeout);
        await channel.BasicPublishAsync("", queue, mandatory: true, properties, body, limit.Token).AsTask().WaitAsync(limit.Token);
    }
}
