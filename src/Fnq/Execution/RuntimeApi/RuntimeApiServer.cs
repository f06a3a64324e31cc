using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace Fnq.Execution.RuntimeApi;

/// <summary>
/// The one HTTP server of a worker for the Runtime APIs of all its environments. It listens nowhere itself: connections
/// come from the environments' own listeners.
/// </summary>
internal sealed class RuntimeApiServer : IAsyncDisposable
{
    private readonly AcceptedConnections _accepted = new();
    private readonly KestrelServer _server;

    public RuntimeApiServer(ILoggerFactory loggers, RuntimeApiLimits? limits = null)
    {
        Limits = limits ?? new RuntimeApiLimits();
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Limits.MaxRequestHeadersTotalSize = RuntimeApiLimits.HeaderBytes;
        options.Limits.MaxRequestBufferSize = RuntimeApiLimits.ReadAheadBytes;
        // A function may be slow and may be silent for as long as its own timeout lets it. Only a head has to be there
        // within Kestrel's 30 s.
        options.Limits.MaxRequestBodySize = null;
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.MinResponseDataRate = null;
        // Longer than the longest run (15 min). Not infinite: Kestrel 10 adds it to a timestamp, which overflows, and
        // closes the connection at its next heartbeat. A call waiting in next does not count as idle.
        options.Limits.KeepAliveTimeout = TimeSpan.FromHours(1);
        options.Listen(AcceptedConnections.Address, listen => listen.Protocols = HttpProtocols.Http1);
        _server = new KestrelServer(Options.Create(options), _accepted, loggers);
    }

    public RuntimeApiLimits Limits { get; }

    public Task StartAsync(CancellationToken cancellationToken) => _server.StartAsync(new RuntimeApiApplication(), cancellationToken);

    public void Serve(RuntimeApiConnection connection)
    {
        connection.Transport.Features.Set(connection);
        if (!_accepted.Channel.Writer.TryWrite(connection.Transport))
        {
            connection.Abort();
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _server.StopAsync(now.Token);
        _server.Dispose();
    }

    private sealed class AcceptedConnections : IConnectionListenerFactory, IConnectionListener
    {
        public static EndPoint Address { get; } = new EnvironmentsEndPoint();

        public Channel<ConnectionContext> Channel { get; } = System.Threading.Channels.Channel.CreateUnbounded<ConnectionContext>();

        public EndPoint EndPoint => Address;

        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(this);

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await Channel.Reader.WaitToReadAsync(cancellationToken))
            {
                if (Channel.Reader.TryRead(out var connection))
                {
                    return connection;
                }
            }

            return null;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            Channel.Writer.TryComplete();
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class EnvironmentsEndPoint : EndPoint
    {
        public override string ToString() => "execution environments";
    }
}
