using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Fnq.Execution.RuntimeApi;

/// <summary>Accepts an environment's connections and passes them to the server, at most so many at a time.</summary>
internal sealed class RuntimeApiAcceptor(RuntimeApiServer server, SocketConnectionContextFactory transports, TimeProvider time)
{
    /// <summary>Ends when the listener is closed.</summary>
    public async Task RunAsync(Socket listener, IRuntimeApiSession session, RuntimeApiConnections open)
    {
        while (await Listening.NextAsync(listener, time) is { } socket)
        {
            if (open.IsFull)
            {
                socket.Dispose();
            }
            else
            {
                Serve(socket, session, open);
            }

            await open.PaceConnectionsAsync();
        }
    }

    /// <summary>Runs the server's code on the thread that the socket woke: the Runtime API never blocks.</summary>
    public static SocketConnectionContextFactory CreateTransports(ILoggerFactory loggers) => new(
        new SocketConnectionFactoryOptions
        {
            UnsafePreferInlineScheduling = true,
            WaitForDataBeforeAllocatingBuffer = false,
            MaxReadBufferSize = RuntimeApiLimits.ReadAheadBytes,
        },
        loggers.CreateLogger<SocketConnectionContextFactory>());

    private void Serve(Socket socket, IRuntimeApiSession session, RuntimeApiConnections open)
    {
        try
        {
            if (socket.ProtocolType == ProtocolType.Tcp)
            {
                socket.NoDelay = true;
            }
        }
        catch (SocketException)
        {
            // Reset since it was accepted.
            socket.Dispose();
            return;
        }

        var connection = new RuntimeApiConnection(session, session.Generation, transports.Create(socket), open);
        open.Add(connection);
        server.Serve(connection);
    }
}
