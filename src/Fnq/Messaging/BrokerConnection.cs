using RabbitMQ.Client;

namespace Fnq.Messaging;

/// <summary>Connections of RabbitMQ's own client. Whoever has one opens another when it is lost: nothing is recovered behind our back.</summary>
internal static class BrokerConnection
{
    private static readonly CreateChannelOptions Confirmed = new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);

    public static Task<IConnection> OpenAsync(string url, string name, CancellationToken cancellationToken) => new ConnectionFactory
    {
        Uri = new Uri(url),
        ClientProvidedName = name,
        AutomaticRecoveryEnabled = false,
        TopologyRecoveryEnabled = false,
        RequestedHeartbeat = TimeSpan.FromSeconds(10),
        RequestedConnectionTimeout = TimeSpan.FromSeconds(5),
        ContinuationTimeout = TimeSpan.FromSeconds(5),
    }.CreateConnectionAsync(cancellationToken);

    public static Task<IChannel> OpenConfirmedAsync(IConnection connection, CancellationToken cancellationToken) =>
        connection.CreateChannelAsync(Confirmed, cancellationToken);

    /// <summary>Without ceremony: a broker that does not answer must hold nobody up.</summary>
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
