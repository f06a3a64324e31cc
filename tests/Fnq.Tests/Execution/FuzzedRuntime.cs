using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Fnq.Tests.Execution;

/// <summary>A runtime that does whatever comes to its mind: sometimes its work, mostly not.</summary>
/// <param name="spoiled">Requests that it has answered with bytes of which nobody knows what the server makes.</param>
internal sealed class FuzzedRuntime(
    FakeSandbox sandbox, Random random, ConcurrentDictionary<string, byte> spoiled, CancellationToken killed)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(30);
    private static readonly byte[] Large = new byte[7_000_000];
    private readonly List<Socket> _open = [];
    private string _requestId = Guid.NewGuid().ToString();

    /// <summary>What other environments are at.</summary>
    public static ConcurrentBag<string> ForeignIds { get; } = [];

    public async Task RunAsync()
    {
        try
        {
            while (!killed.IsCancellationRequested)
            {
                await StepAsync();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException or FormatException
            or KeyNotFoundException or IndexOutOfRangeException)
        {
            // Its own client broke on what came back, or it was killed in the middle.
            sandbox.ExitUnlessKilled(random.Next(-11, 3), killed);
        }
        finally
        {
            _open.ForEach(socket => socket.Dispose());
        }
    }

    private async Task StepAsync()
    {
        switch (random.Next(20))
        {
            case < 8:
                await ServeAsync();
                break;
            case < 12:
                spoiled[_requestId] = 0;
                await SendAsync(WireAttacks.Any(random, _requestId));
                break;
            case < 14:
                spoiled[_requestId] = 0;
                await SendAsync(WireAttacks.Mutate(random, Reply(_requestId, "response", Body(200))));
                break;
            case 14:
                await SendAsync(Reply(AnyId(), random.Next(2) == 0 ? "response" : "error", Body(1_000)));
                break;
            case 15:
                await SendAsync([.. Reply(AnyId(), "error", Body(10)), .. Next(), .. Next(), .. Reply(_requestId, "response", Body(10))]);
                break;
            case 16:
                await SendAsync(Encoding.ASCII.GetBytes($"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nContent-Length: {random.Next(9)}\r\n\r\n12345"));
                break;
            case 17:
                await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => SendAsync(Next())));
                break;
            case 18:
                Flood();
                break;
            default:
                End();
                break;
        }
    }

    /// <summary>One invocation as it should be, with a body of any size and shape.</summary>
    private async Task ServeAsync()
    {
        using var client = new RuntimeClient(sandbox);
        var next = await client.NextAsync(killed);
        if (next.Status != 200)
        {
            return;
        }

        _requestId = next.RequestId;
        ForeignIds.Add(_requestId);
        sandbox.Print(Encoding.Latin1.GetString(WireAttacks.Any(random, _requestId)));
        if (random.Next(40) == 0)
        {
            await Task.Delay(Timeout.Infinite, killed);
        }
        else if (random.Next(20) == 0)
        {
            // From a buffer that all share: what memory is used belongs to the server.
            await SendAsync(Encoding.ASCII.GetBytes(
                $"POST /2018-06-01/runtime/invocation/{_requestId}/response HTTP/1.1\r\nHost: x\r\nContent-Length: {Large.Length}\r\n\r\n"), Large);
        }
        else if (random.Next(5) > 0)
        {
            await client.ReplyAsync(_requestId, $"\"{_requestId}{new string('x', random.Next(20_000))}\"", killed);
        }
    }

    /// <summary>On a connection of its own, whole or byte by byte; then reads a little, hangs up, resets it, or keeps it.</summary>
    private async Task SendAsync(byte[] bytes, byte[]? more = null)
    {
        var socket = Connect();
        for (var sent = 0; sent < bytes.Length;)
        {
            var piece = random.Next(10) == 0 ? Math.Min(random.Next(1, 40), bytes.Length - sent) : bytes.Length - sent;
            sent += await socket.SendAsync(bytes.AsMemory(sent, piece), SocketFlags.None, killed);
        }

        if (more is not null)
        {
            await socket.SendAsync(more, SocketFlags.None, killed);
        }

        switch (random.Next(5))
        {
            case 0:
                socket.LingerState = new LingerOption(true, 0);
                socket.Dispose();
                return;
            case 1:
                socket.Dispose();
                return;
            case 2:
                socket.Shutdown(SocketShutdown.Send);
                break;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(killed);
        patience.CancelAfter(Patience);
        try
        {
            while (await socket.ReceiveAsync(new byte[4096], SocketFlags.None, patience.Token) > 0)
            {
            }
        }
        catch (OperationCanceledException) when (!killed.IsCancellationRequested)
        {
            // It waits, in next perhaps.
        }
    }

    private void Flood()
    {
        for (var count = random.Next(1, 40); count > 0; count--)
        {
            Connect();
        }
    }

    private void End()
    {
        if (random.Next(4) == 0)
        {
            sandbox.ExitUnlessKilled(random.Next(-11, 3), killed);
            killed.ThrowIfCancellationRequested();
            throw new OperationCanceledException();
        }

        _open.ForEach(socket => socket.Dispose());
        _open.Clear();
    }

    private Socket Connect()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        lock (_open)
        {
            _open.Add(socket);
        }

        socket.Connect((IPEndPoint)sandbox.RuntimeApiListener.LocalEndPoint!);
        return socket;
    }

    private string AnyId() => random.Next(4) switch
    {
        0 => ForeignIds.TryPeek(out var other) ? other : "none",
        1 => "../next",
        2 => new string('9', random.Next(1, 3_000)),
        _ => Guid.NewGuid().ToString(),
    };

    private string Body(int max) => $"\"{_requestId}{new string('y', random.Next(max))}\"";

    private static byte[] Next() => "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray();

    private byte[] Reply(string id, string kind, string body)
    {
        var head = $"POST /2018-06-01/runtime/invocation/{id}/{kind} HTTP/1.1\r\nHost: x\r\n";
        return Encoding.Latin1.GetBytes(random.Next(2) == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{head}Content-Length: {body.Length}\r\n\r\n{body}")
            : string.Create(CultureInfo.InvariantCulture, $"{head}Transfer-Encoding: chunked\r\n\r\n{body.Length:x}\r\n{body}\r\n0\r\n\r\n"));
    }
}
