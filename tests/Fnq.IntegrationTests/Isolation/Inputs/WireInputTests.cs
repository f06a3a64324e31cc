using System.Net.Sockets;
using System.Text;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>Rows A14 to A17: what is wrong with the HTTP itself, byte by byte on a socket.</summary>
[Collection(Platform.Collection)]
public sealed class WireInputTests(Platform platform, GoodFunction good) : HostileInput(platform, good)
{
    private const string Smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    private readonly Platform _platform = platform;

    private string Target => $"{Functions}/{Good}/invocations";

    /// <summary>Refused and ended: nothing that came behind it is read as a request of its own.</summary>
    [Theory]
    [InlineData("Content-Length: 5\r\nContent-Length: 6\r\n", "{}   ")]
    [InlineData("Content-Length: -1\r\n", "{}")]
    [InlineData("Content-Length: 2x\r\n", "{}")]
    [InlineData("Content-Length: 99999999999999999999\r\n", "{}")]
    [InlineData("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked, identity\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: identity, chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: gzip, chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: xchunked\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding : chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n", "2;a\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n", "2\n{}\n0\n\n")]
    [InlineData("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n", "2\r\n{}xx0\r\n\r\n")]
    [InlineData("Content-Length: 2\r\nX-Folded: a\r\n b\r\n", "{}")]
    [InlineData("Content-Length: 2\r\nX-Space : a\r\n", "{}")]
    [InlineData("Content-Length: 2\r\nX-Nul: a\0b\r\n", "{}")]
    [InlineData("Content-Length: 2\r\nX-Nul\0: a\r\n", "{}")]
    [InlineData("Content-Length: 2\r\nNo colon\r\n", "{}")]
    [InlineData("Content-Length: 2\r\n: empty\r\n", "{}")]
    [InlineData("Content-Length: 2\r\nX-Bare: a\rb\r\n", "{}")]
    [InlineData("Content-Length: 2\r\nHost: other\r\n", "{}")]
    public async Task A14_ambiguous_requests(string headers, string body)
    {
        var lines = AuditLines().Count();
        var request = RawHttp.Signed(Server.Address, "POST", Target, "{}", headers, withLength: false).Replace("Connection: close\r\n", "", StringComparison.Ordinal);
        var answer = await RawHttp.SendAsync(Server.Address, request[..^2] + body + Smuggled);
        Assert.True(answer is { Status: 400, Closed: true }, $"400 and closed expected: {answer}");
        Assert.Single(answer.Text.Split("HTTP/1.1 ").Skip(1));
        await Until.TrueAsync(() => AuditLines().Count() == lines + 1, $"one audit line: {string.Join('\n', AuditLines().Skip(lines))}", TimeSpan.FromSeconds(5));
    }

    [Theory]
    [InlineData("GET http://other/2015-03-31/functions HTTP/1.1")]
    [InlineData("GET * HTTP/1.1")]
    [InlineData("GET  /2015-03-31/functions HTTP/1.1")]
    [InlineData("GET /a b HTTP/1.1")]
    [InlineData("GET /%zz HTTP/1.1")]
    [InlineData("GET /a%00b HTTP/1.1")]
    [InlineData("GET /\u0001 HTTP/1.1")]
    [InlineData("GET /\u00fc HTTP/1.1")]
    [InlineData("G@T / HTTP/1.1")]
    [InlineData("GET /")]
    [InlineData("CONNECT other:443 HTTP/1.1")]
    [InlineData("\u0016\u0003\u0001\u0002")]
    public async Task A14_request_lines(string line)
    {
        var lines = AuditLines().Count();
        var answer = await RawHttp.SendAsync(Server.Address, $"{line}\r\nHost: localhost:{Server.Port}\r\n\r\n{Smuggled}");
        Assert.True(answer is { Status: >= 400 and < 500, Closed: true }, $"4xx and closed expected: {answer}");
        await Until.TrueAsync(() => AuditLines().Count() == lines + 1, $"one audit line: {string.Join('\n', AuditLines().Skip(lines))}", TimeSpan.FromSeconds(5));
    }

    /// <summary>A body that ends before its length: no answer can be had, and nobody waits for it for ever.</summary>
    [Fact]
    public async Task A14_a_length_that_is_not_kept()
    {
        var request = RawHttp.Signed(Server.Address, "POST", Target, "{}", "Content-Length: 3\r\n", withLength: false);
        using var socket = await RawHttp.ConnectAsync(Server.Address);
        await socket.SendAsync(Encoding.Latin1.GetBytes(request));
        socket.Shutdown(SocketShutdown.Send);
        var answer = await RawHttp.ReadAsync(socket, TimeSpan.FromSeconds(10));
        Assert.True(answer is { Status: 0 or 400, Closed: true }, answer.ToString());
    }

    [Fact]
    public async Task A15_senders_and_readers_that_stand_still() => await MemoryStaysAsync(150, async () =>
    {
        var lines = AuditLines().Count();
        var slow = await Task.WhenAll(SlowHeadersAsync(), SlowBodyAsync(), NeverReadAsync());
        Assert.Equal([408, 408, 0], slow);
        await Until.TrueAsync(() => AuditLines().Count() == lines + 2, $"two audit lines: {string.Join('\n', AuditLines().Skip(lines))}", TimeSpan.FromSeconds(5));
    });

    [Fact]
    public async Task A15_idle_connections_have_a_bound_and_the_served_ones_go_on()
    {
        await using var node = await _platform.StartServerAsync(
            "few-connections", new Dictionary<string, string?> { ["FNQ_MAX_CONNECTIONS"] = "20" }, roles: "api");
        List<Socket> idle = [];
        try
        {
            for (var i = 0; i < 60; i++)
            {
                idle.Add(await RawHttp.ConnectAsync(node.Address));
            }

            // The first ones were taken and are served; those beyond the bound are ended at once.
            await idle[0].SendAsync(Encoding.Latin1.GetBytes("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
            Assert.Equal(200, (await RawHttp.ReadAsync(idle[0], TimeSpan.FromSeconds(10))).Status);
            var beyond = await Task.WhenAll(idle.Skip(25).Select(socket => RawHttp.ReadAsync(socket, TimeSpan.FromSeconds(10))));
            Assert.All(beyond, answer => Assert.True(answer is { Status: 0, Closed: true }, answer.ToString()));
        }
        finally
        {
            idle.ForEach(socket => socket.Dispose());
        }

        using var http = new HttpClient();
        await Until.TrueAsync(
            async () =>
            {
                try
                {
                    return (await http.GetAsync(new Uri(node.Address, "/healthz"))).IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the bound is free again");
    }

    [Fact]
    public async Task A16_too_many_and_too_long_headers_and_lines()
    {
        var lines = AuditLines().Count();
        string Plain(string line, string headers) => $"GET {line} HTTP/1.1\r\nHost: localhost:{Server.Port}\r\n{headers}\r\n";
        Assert.Equal(431, (await RawHttp.SendAsync(Server.Address, Plain("/", string.Concat(Enumerable.Range(0, 101).Select(i => $"X-{i}: 1\r\n"))))).Status);
        Assert.Equal(431, (await RawHttp.SendAsync(Server.Address, Plain("/", $"X-Long: {new string('a', 33_000)}\r\n"))).Status);
        Assert.Equal(414, (await RawHttp.SendAsync(Server.Address, Plain($"/{new string('a', 8_300)}", ""))).Status);
        await Until.TrueAsync(() => AuditLines().Count() == lines + 3, "an audit line for each", TimeSpan.FromSeconds(5));

        // Below the bounds it is a request like others.
        Assert.Equal(403, (await RawHttp.SendAsync(
            Server.Address, Plain($"/{new string('a', 8_000)}", string.Concat(Enumerable.Range(0, 90).Select(i => $"X-{i}: {new string('b', 300)}\r\n")) + "Connection: close\r\n"))).Status);
    }

    [Theory]
    [InlineData("X-Amzn-Trace-Id: Root=1-00000000-000000000000000000000000;a=b\u0085Set-Cookie: x\r\n")]
    [InlineData("X-Amzn-Trace-Id: Root=1-00000000-000000000000000000000000;%0d%0aX-Evil: 1\r\n")]
    [InlineData("X-Request-Id: a\r\nx-amzn-RequestId: forged\r\n")]
    public async Task A16_no_value_comes_back_as_a_header(string headers)
    {
        var answer = await RawHttp.SendAsync(Server.Address, RawHttp.Signed(Server.Address, "POST", Target, "{}", headers));
        Assert.True(answer.Status is 200 or 400, answer.Text);
        var head = answer.Text.Split("\r\n\r\n")[0];
        Assert.DoesNotContain("Set-Cookie", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Evil", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("forged", head, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>HTTP/2 is off, with and without an upgrade: its floods end with their first bytes.</summary>
    [Fact]
    public async Task A17_http2_is_refused_with_its_preface()
    {
        const string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        string[] frames =
        [
            "\0\0\0\u0004\0\0\0\0\0", // SETTINGS
            string.Concat(Enumerable.Range(0, 1_000).Select(i => $"\0\0\u0001\u0001\u0005\0\0\0{(char)(i % 250)}\u0082\0\0\u0004\u0003\0\0\0\0{(char)(i % 250)}\0\0\0\u0008")), // rapid reset
            "\0\0\u0001\u0001\0\0\0\0\u0001\u0082" + string.Concat(Enumerable.Repeat("\0\0\u0010\u0009\0\0\0\0\u0001aaaaaaaaaaaaaaaa", 5_000)), // CONTINUATION flood
            string.Concat(Enumerable.Repeat("\0\0\u0008\u0006\0\0\0\0\0pingping", 5_000)),
        ];
        var begun = ProcessorTime();
        foreach (var flood in frames)
        {
            var answer = await RawHttp.SendAsync(Server.Address, preface + flood);
            Assert.True(answer is { Closed: true, Status: 0 or (>= 400 and < 500) }, answer.ToString());
        }

        Assert.InRange((ProcessorTime() - begun).TotalSeconds, 0, 2);
        var upgrade = RawHttp.Signed(Server.Address, "POST", Target, "{}", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n");
        Assert.Equal(200, (await RawHttp.SendAsync(Server.Address, upgrade)).Status);
    }

    private TimeSpan ProcessorTime()
    {
        using var process = System.Diagnostics.Process.GetProcessById(Server.Pid);
        return process.TotalProcessorTime;
    }

    private async Task<int> SlowHeadersAsync()
    {
        using var socket = await RawHttp.ConnectAsync(Server.Address);
        await socket.SendAsync(Encoding.Latin1.GetBytes("GET / HTTP/1.1\r\nHost: x\r\n"));
        return await DripAsync(socket, "X-Slow: ");
    }

    private async Task<int> SlowBodyAsync()
    {
        using var socket = await RawHttp.ConnectAsync(Server.Address);
        var request = RawHttp.Signed(Server.Address, "POST", Target, withLength: false, more: "Content-Length: 100000\r\n");
        await socket.SendAsync(Encoding.Latin1.GetBytes(request));
        return await DripAsync(socket, " ");
    }

    /// <summary>A byte a second, until the server has had enough.</summary>
    private static async Task<int> DripAsync(Socket socket, string drops)
    {
        var answer = RawHttp.ReadAsync(socket, TimeSpan.FromSeconds(40));
        using var tick = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var i = 0; !answer.IsCompleted && await tick.WaitForNextTickAsync(); i++)
        {
            try
            {
                await socket.SendAsync(Encoding.Latin1.GetBytes($"{drops[i % drops.Length]}"));
            }
            catch (SocketException)
            {
                break;
            }
        }

        var end = await answer;
        Assert.True(end.Closed, "the connection is ended");
        return end.Status;
    }

    /// <summary>Asks for six megabytes and reads none: the server lets go of them.</summary>
    private async Task<int> NeverReadAsync()
    {
        var large = await Api.DeployAsync("def handler(event, context):\n    return 'x' * 6_000_000\n");
        using var socket = await RawHttp.ConnectAsync(Server.Address, receiveBuffer: 4_096);
        await socket.SendAsync(Encoding.Latin1.GetBytes(RawHttp.Signed(Server.Address, "POST", $"{Functions}/{large}/invocations", "{}")));
        var mine = ((System.Net.IPEndPoint)socket.LocalEndPoint!).Port;
        await Until.TrueAsync(() => IsConnected(mine, waiting: true), "the answer waits in the server's socket", TimeSpan.FromSeconds(30));
        await Until.TrueAsync(() => !IsConnected(mine), "the server ends the connection", TimeSpan.FromSeconds(40));
        return 0;
    }

    /// <summary>The server's end of the connection, as the kernel sees it.</summary>
    private bool IsConnected(int clientPort, bool waiting = false) => File.ReadLines("/proc/net/tcp").Skip(1)
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Any(row => row[1].EndsWith($":{Server.Port:X4}", StringComparison.Ordinal) && row[2].EndsWith($":{clientPort:X4}", StringComparison.Ordinal)
            && row[3] == "01" && (!waiting || !row[4].StartsWith("00000000", StringComparison.Ordinal)));
}
