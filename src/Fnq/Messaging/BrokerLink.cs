using RabbitMQ.Client;

namespace Fnq.Messaging;

/// <summary>
/// A channel with confirms to a broker, opened when it is first needed and again when it was lost. For what is not the hot path.
/// </summary>
internal sealed class BrokerLink(string url, string name) : IAsyncDisposable
{
    private static readonly CreateChannelOptions Confirmed = new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);
    private readonly SemaphoreSlim _opening = new(1, 1);
    private IConnection? _connection;
    private IChannel? _channel;

    public async ValueTask<IChannel> OpenAsync(CancellationToken cancellationToken)
    {
        if (_channel is { IsOpen: true } open)
        {
            return open;
        }

        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_channel is { IsOpen: true } opened)
            {
                return opened;
            }

            if (_connection is not { IsOpen: true } connection)
            {
                await CloseAsync();
                _connection = connection = await Factory().CreateConnectionAsync(cancellationToken);
            }

            return _channel = await connection.CreateChannelAsync(Confirmed, cancellationToken);
        }
        finally
        {
            _opening.Release();
        }
    }

    public async Task<Version> ServerVersionAsync(CancellationToken cancellationToken)
    {
        await OpenAsync(cancellationToken);
        return QuorumQueue.ServerVersion(_connection!.ServerProperties);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _opening.Dispose();
    }

    /// <summary>Whoever needs it next opens another: nothing is recovered behind our back.</summary>
    private ConnectionFactory Factory() => new()
    {
        Uri = new Uri(url),
        ClientProvidedName = name,
        AutomaticRecoveryEnabled = false,
        TopologyRecoveryEnabled = false,
        RequestedHeartbeat = TimeSpan.FromSeconds(10),
        RequestedConnectionTimeout = TimeSpan.FromSeconds(5),
        ContinuationTimeout = TimeSpan.FromSeconds(5),
    };

    /// <summary>Without ceremony: a broker that does not answer must hold nobody up.</summary>
    private async ValueTask CloseAsync()
    {
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
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
}
