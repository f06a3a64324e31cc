using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Fnq.Execution;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class ApiProxyTests : IDisposable
{
    private const int BigBytes = 4 << 20;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(20));
    private readonly TcpListener _api = new(IPAddress.Loopback, 0);
    private readonly Socket _inside = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Task _running;

    public ApiProxyTests()
    {
        _api.Start();
        _inside.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _inside.Listen();
        var options = new ApiProxyOptions { Target = new Uri($"http://{_api.LocalEndpoint}") };
        _running = new ApiProxy(options, TimeProvider.System, NullLogger<ApiProxy>.Instance).RunAsync(_inside);
    }

    [Fact]
    public async Task Carries_bytes_both_ways_and_each_half_to_its_end()
    {
        using var function = await ConnectAsync();
        using var api = await _api.AcceptSocketAsync(_limit.Token);
        byte[] request = RandomNumberGenerator.GetBytes(BigBytes), answer = RandomNumberGenerator.GetBytes(BigBytes);

        // Nobody reads yet, so that not all of it is under way.
        var sent = SendAsync(function, request);
        Assert.Equal(request, await ReadToEndAsync(api));
        await SendAsync(api, answer);
        Assert.Equal(answer, await ReadToEndAsync(function));
        await sent;
    }

    [Fact]
    public async Task Ends_every_connection_with_the_listener()
    {
        using var function = await ConnectAsync();
        using var api = await _api.AcceptSocketAsync(_limit.Token);

        _inside.Dispose();

        await _running.WaitAsync(_limit.Token);
        Assert.Empty(await ReadToEndAsync(function));
        Assert.Empty(await ReadToEndAsync(api));
    }

    [Fact]
    public async Task Closes_what_comes_beyond_the_limit_and_takes_others_when_there_is_room()
    {
        var open = new List<Socket>();
        for (var i = 0; i < ApiProxy.MaxConnections; i++)
        {
            open.Add(await ConnectAsync());
            open.Add(await _api.AcceptSocketAsync(_limit.Token));
        }

        using (var refused = await ConnectAsync())
        {
            Assert.Empty(await ReadToEndAsync(refused));
        }

        // The places are free as soon as the ends have been noticed.
        open.ForEach(socket => socket.Dispose());
        var served = _api.AcceptSocketAsync(_limit.Token).AsTask();
        while (!served.IsCompleted)
        {
            using var next = await ConnectAsync();
            await Task.WhenAny(served, ReadToEndAsync(next));
        }

        (await served).Dispose();
    }

    [Fact]
    public async Task Closes_connections_when_the_api_is_away()
    {
        _api.Stop();
        using var function = await ConnectAsync();

        Assert.Empty(await ReadToEndAsync(function));
    }

    public void Dispose()
    {
        _inside.Dispose();
        _api.Dispose();
        _limit.Dispose();
    }

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_inside.LocalEndPoint!, _limit.Token);
        return socket;
    }

    private async Task SendAsync(Socket socket, byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
        {
            sent += await socket.SendAsync(bytes.AsMemory(sent), _limit.Token);
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>A reset is an end too.</summary>
    private async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        try
        {
            while (await socket.ReceiveAsync(buffer, _limit.Token) is > 0 and var count)
            {
                all.Write(buffer, 0, count);
            }
        }
        catch (SocketException)
        {
            // Nothing more comes.
        }

        return all.ToArray();
    }
}
