using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Fnq.Execution.RuntimeApi;

/// <summary>Accepts an environment's connections and passes them to the server, at most so many at a time.</summary>
internal sealed class RuntimeApiAcceptor(RuntimeApiServer server, SocketConnectionContextFactory transports)
{
    public const int MaxConnections = 16;

    /// <summary>Ends when the listener is closed.</summary>
    public async Task RunAsync(Socket listener, IRuntimeApiSession session, RuntimeApiConnections open)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (e is SocketException { SocketErrorCode: SocketError.ConnectionAborted or SocketError.ConnectionReset })
                {
                    continue;
                }

                return;
            }

            if (open.Count >= MaxConnections)
            {
                socket.Dispose();
                continue;
            }

            if (socket.ProtocolType == ProtocolType.Tcp)
            {
                socket.NoDelay = true;
            }

            var connection = new RuntimeApiConnection(session, session.Generation, transports.Create(socket));
            open.Add(connection);
            server.Serve(connection);
        }
    }

    /// <summary>Runs the server's code on the thread that the socket woke: the Runtime API never blocks.</summary>
    public static SocketConnectionContextFactory CreateTransports(ILoggerFactory loggers) => new(
        new SocketConnectionFactoryOptions { UnsafePreferInlineScheduling = true, WaitForDataBeforeAllocatingBuffer = true },
        loggers.CreateLogger<SocketConnectionContextFactory>());
}

/// <summary>The open connections of one environment.</summary>
internal sealed class RuntimeApiConnections(Action<RuntimeApiConnection> closed)
{
    private readonly Lock _gate = new();
    private readonly List<RuntimeApiConnection> _open = [];

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _open.Count;
            }
        }
    }

    public void Add(RuntimeApiConnection connection)
    {
        lock (_gate)
        {
            _open.Add(connection);
        }

        connection.Transport.ConnectionClosed.UnsafeRegister(
            static state =>
            {
                var (self, gone) = ((RuntimeApiConnections, RuntimeApiConnection))state!;
                self.Remove(gone);
            },
            (this, connection));
    }

    public void AbortAll()
    {
        RuntimeApiConnection[] open;
        lock (_gate)
        {
            open = [.. _open];
        }

        foreach (var connection in open)
        {
            connection.Abort();
        }
    }

    private void Remove(RuntimeApiConnection connection)
    {
        lock (_gate)
        {
            _open.Remove(connection);
        }

        closed(connection);
    }
}
