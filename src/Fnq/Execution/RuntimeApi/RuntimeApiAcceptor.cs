using System.Net.Sockets;
using Fnq.Transport;

namespace Fnq.Execution.RuntimeApi;

/// <summary>Accepts an environment's connections and passes them to the server, at most so many at a time.</summary>
internal sealed class RuntimeApiAcceptor(RuntimeApiServer server, TimeProvider time)
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

    private void Serve(Socket socket, IRuntimeApiSession session, RuntimeApiConnections open)
    {
        if (LoopConnection.TryStart(socket, RuntimeApiLimits.ReadAheadBytes) is { } transport)
        {
            var connection = new RuntimeApiConnection(session, session.Generation, transport, open);
            open.Add(connection);
            server.Serve(connection);
        }
    }
}
