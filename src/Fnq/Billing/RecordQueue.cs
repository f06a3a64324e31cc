using Fnq.Messaging;
using RabbitMQ.Client;

namespace Fnq.Billing;

/// <summary>The queue of record batches and how to reach it: connections of billing's own, never shared with deliveries of runs.</summary>
internal sealed class RecordQueue(BillingOptions options)
{
    private static readonly CreateChannelOptions Confirmed = new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);

    public async Task<IConnection> ConnectAsync(string name, CancellationToken cancellationToken)
    {
        var factory = new ConnectionFactory
        {
            Uri = new Uri(options.PlatformAmqpUrl),
            ClientProvidedName = name,
            // Our own loop reconnects: it also declares again, and takes up at the journal's confirmed position.
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedHeartbeat = TimeSpan.FromSeconds(10),
            RequestedConnectionTimeout = TimeSpan.FromSeconds(5),
            ContinuationTimeout = TimeSpan.FromSeconds(5),
        };
        return await factory.CreateConnectionAsync(cancellationToken);
    }

    public static async Task<IChannel> OpenConfirmedAsync(IConnection connection, CancellationToken cancellationToken) =>
        await connection.CreateChannelAsync(Confirmed, cancellationToken);

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

    /// <summary>Closes without ceremony: a broker that does not answer must not hold the reconnect up.</summary>
    public static async Task CloseAsync(IConnection connection)
    {
        try
        {
            await connection.CloseAsync(Constants.ReplySuccess, "done", TimeSpan.FromSeconds(1), abort: true, CancellationToken.None);
        }
        finally
        {
            await connection.DisposeAsync();
        }
    }
}
