using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Fnq.IntegrationTests.Billing;

/// <summary>A TCP relay in front of the broker that can cut every connection and refuse new ones.</summary>
internal sealed class BrokerLink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, byte> _open = new();
    private readonly Uri _broker;
    private readonly Task _accepting;
    private volatile bool _down;
    private int _cuts;

    public BrokerLink(string amqpUrl)
    {
        _broker = new Uri(amqpUrl);
        _listener.Start();
        var port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        Url = new UriBuilder(_broker) { Host = "127.0.0.1", Port = port }.Uri.AbsoluteUri;
        _accepting = AcceptAsync();
    }

    public string Url { get; }

    /// <summary>Connections that a cut really ended: whether the fault bit.</summary>
    public int Cuts => _cuts;

    public int Open => _open.Count;

    public void Cut()
    {
        foreach (var socket in _open.Keys)
        {
            if (_open.TryRemove(socket, out _))
            {
                _cuts++;
                // A reset, not an orderly end.
                socket.LingerState = new LingerOption(true, 0);
                socket.Dispose();
            }
        }
    }

    public void Down()
    {
        _down = true;
        Cut();
    }

    public void Up() => _down = false;

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Cut();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync();
            }
            catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
            {
                return;
            }

            if (_down)
            {
                client.Dispose();
                continue;
            }

            _ = RelayAsync(client);
        }
    }

    private async Task RelayAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        _open[client] = 0;
        try
        {
            await server.ConnectAsync(_broker.Host, _broker.Port < 0 ? 5672 : _broker.Port);
            await Task.WhenAny(PumpAsync(client, server), PumpAsync(server, client));
        }
        catch (SocketException)
        {
            // The broker is away: the client sees a closed connection.
        }
        finally
        {
            _open.TryRemove(client, out _);
            client.Dispose();
        }
    }

    private static async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is var read && read > 0)
            {
                for (var sent = 0; sent < read;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent));
                }
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            // The cut.
        }
    }
}
