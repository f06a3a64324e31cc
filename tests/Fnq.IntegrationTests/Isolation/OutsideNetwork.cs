using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Fnq.Execution.Sandboxes;
using Fnq.Execution.Sandboxes.Egress;
using Microsoft.Win32.SafeHandles;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>
/// "The internet" and a private network, in a network namespace of the test's own that this host has routes to: HTTP on
/// every address and port that is listened on, and a resolver. It goes with its descriptors.
/// </summary>
internal sealed class OutsideNetwork : IDisposable
{
    /// <summary>Public: of the range for documentation (TEST-NET-3), which nobody routes.</summary>
    public const string Public = "203.0.113.10";
    public const string Private = "10.200.0.10";
    public const string OtherPrivate = "192.168.201.10";
    public const string Metadata = "169.254.169.254";
    public const string Resolver = "203.0.113.53";

    /// <summary>An address of this host.</summary>
    public const string Host = "203.0.113.1";
    public const int Port = 8080, OtherPort = 5432;
    private const int DnsPort = 53, Datagram = 2;
    private readonly SafeFileHandle _host = Native.OpenHandle("/proc/self/ns/net", Native.OpenReadOnly);

    private readonly CancellationTokenSource _over = new();
    private readonly List<Socket> _listeners = [];
    private SafeFileHandle? _namespace;
    private Socket? _resolver;

    private OutsideNetwork()
    {
    }

    public static OutsideNetwork Start()
    {
        var outside = new OutsideNetwork();
        using var inner = OnThread(outside.Enter);
        using var socket = Netlink.OpenHere();
        Connect(new Netlink(socket), new Netlink(inner), outside._namespace!);
        outside._listeners.ForEach(listener => _ = outside.ServeAsync(listener));
        _ = outside.ResolveAsync();
        return outside;
    }

    public void Dispose()
    {
        _over.Cancel();
        _listeners.ForEach(listener => listener.Dispose());
        _resolver?.Dispose();
        _namespace?.Dispose();
        _host.Dispose();
        _over.Dispose();
    }

    /// <summary>Plain system calls only: a thread that .NET starts meanwhile would stay in the namespace.</summary>
    private SafeFileHandle Enter()
    {
        _ = Native.Check(Native.Unshare(Native.CloneNewNet), "unshare network");
        var inside = Native.Open("/proc/thread-self/ns/net", Native.OpenReadOnly | Native.OpenCloseOnExec, 0);
        int[] sockets = [Bound(Native.SockStream, Port), Bound(Native.SockStream, OtherPort), Bound(Datagram, DnsPort)];
        var routes = Native.Check(Native.OpenSocket(Native.AfNetlink, Native.SockRaw | Native.SockCloseOnExec, 0), "open netlink");
        _ = Native.Check(Native.SetNamespace((int)_host.DangerousGetHandle(), Native.CloneNewNet), "return to the host's network");
        _namespace = new SafeFileHandle(inside, ownsHandle: true);
        var made = sockets.Select(socket => new Socket(new SafeSocketHandle(socket, ownsHandle: true))).ToList();
        _resolver = made[^1];
        _listeners.AddRange(made[..^1]);
        _listeners.ForEach(listener => listener.Listen());
        return new SafeFileHandle(routes, ownsHandle: true);
    }

    private static unsafe int Bound(int type, int port)
    {
        var socket = Native.Check(Native.OpenSocket(Native.AfInet, type | Native.SockCloseOnExec, 0), "open a socket");
        var address = stackalloc byte[16] { Native.AfInet, 0, (byte)(port >> 8), (byte)port, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
        _ = Native.Check(Native.Bind(socket, address, 16), "bind a socket");
        return socket;
    }

    /// <summary>On a thread that ends with it: what it enters is never anybody else's.</summary>
    private static SafeFileHandle OnThread(Func<SafeFileHandle> inside)
    {
        SafeFileHandle? result = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = inside();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return result ?? throw new InvalidOperationException("no network of the test's own", failure);
    }

    private static void Connect(Netlink host, Netlink inner, SafeFileHandle inside)
    {
        var name = $"out{Environment.ProcessId}";
        if (!host.TryCreatePair(name, "eth0", inside))
        {
            throw new InvalidOperationException($"a link {name} exists already");
        }

        var (outer, near) = (host.IndexOf(name), inner.IndexOf("eth0"));
        host.AddAddress(outer, AddressOf(Host));
        host.Raise(outer);
        inner.Raise(near);
        // The first is where answers over UDP come from.
        foreach (var address in (string[])[Resolver, Public, Private, OtherPrivate, Metadata])
        {
            inner.AddAddress(near, AddressOf(address));
            if (!host.TryAddRoute(outer, AddressOf(address)))
            {
                throw new InvalidOperationException($"this host has a route to {address} already");
            }
        }

        inner.AddDefaultRoute(near);
    }

    private static uint AddressOf(string text) => BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(text).GetAddressBytes());

    /// <summary><c>/to/…</c> leads away, everything else is a greeting.</summary>
    private async Task ServeAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                using var socket = await listener.AcceptAsync(_over.Token);
                var request = new byte[4_096];
                var count = await socket.ReceiveAsync(request, _over.Token);
                var path = Encoding.ASCII.GetString(request, 0, count).Split(' ') is [_, var asked, ..] ? asked : "/";
                var answer = path.StartsWith("/to/", StringComparison.Ordinal)
                    ? $"HTTP/1.1 302 Found\r\nLocation: http://{path["/to/".Length..]}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    : "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
                await socket.SendAsync(Encoding.ASCII.GetBytes(answer), _over.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The test is over, or a client left early and with it the last one that asks.
        }
    }

    /// <summary>Any name whose first part is an address with dashes has that address.</summary>
    private async Task ResolveAsync()
    {
        var query = new byte[512];
        try
        {
            while (true)
            {
                var asked = await _resolver!.ReceiveFromAsync(query, new IPEndPoint(IPAddress.Any, 0), _over.Token);
                var label = Encoding.ASCII.GetString(query, 13, query[12]);
                var end = Array.IndexOf(query, (byte)0, 12) + 5;
                var isAddress = query[end - 3] == 1 && IPAddress.TryParse(label.Replace('-', '.'), out _);
                byte[] record = isAddress ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, .. IPAddress.Parse(label.Replace('-', '.')).GetAddressBytes()] : [];
                byte[] header = [query[0], query[1], 0x81, 0x80, 0, 1, 0, (byte)(isAddress ? 1 : 0), 0, 0, 0, 0];
                await _resolver.SendToAsync((byte[])[.. header, .. query[12..end], .. record], asked.RemoteEndPoint, _over.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
