using RabbitMQ.Client;

namespace Fnq.Messaging;

/// <summary>
/// A channel with confirms to a broker, opened when it is first needed and again when it was lost. For what is not the hot path.
/// </summary>
internal sealed class BrokerLink(string url, string name) : IAsyncDisposable
{
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
                _connection = connection = await BrokerConnection.OpenAsync(url, name, cancellationToken);
            }

            return _channel = await BrokerConnection.OpenConfirmedAsync(connection, cancellationToken);
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

    private async ValueTask CloseAsync()
    {
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
        {
            await BrokerConnection.CloseAsync(connection);
        }
    }
}
