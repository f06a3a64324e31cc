using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Fnq.Tests.Execution;

internal sealed record RawAnswer(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public string RequestId => Headers["Lambda-Runtime-Aws-Request-Id"];
}

/// <summary>The Runtime API spoken over a raw socket, so that a test can also speak it badly.</summary>
internal sealed class RuntimeClient : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly NetworkStream _stream;

    public RuntimeClient(FakeSandbox sandbox)
    {
        _socket.Connect((IPEndPoint)sandbox.RuntimeApiListener.LocalEndPoint!);
        _stream = new NetworkStream(_socket);
    }

    public Task<RawAnswer> NextAsync(CancellationToken killed = default) => SendAsync("GET", "invocation/next", null, "", killed);

    public Task<RawAnswer> ReplyAsync(string requestId, string body, CancellationToken killed = default) =>
        SendAsync("POST", $"invocation/{requestId}/response", body, "", killed);

    public async Task<RawAnswer> SendAsync(string method, string path, string? body, string headers, CancellationToken killed)
    {
        var bytes = body is null ? 0 : Encoding.UTF8.GetByteCount(body);
        var length = body is null ? "" : $"Content-Length: {bytes}\r\n";
        await SendRawAsync($"{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n{headers}{length}\r\n{body}", killed);
        return await ReadAsync(killed);
    }

    public async Task SendRawAsync(string text, CancellationToken killed = default) => await _stream.WriteAsync(Encoding.UTF8.GetBytes(text), killed);

    public void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    public async Task<RawAnswer> ReadAsync(CancellationToken killed = default)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await _stream.ReadAsync(one, killed) == 0)
            {
                throw new IOException("closed");
            }

            head.Append((char)one[0]);
        }

        var lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var headers = lines.Skip(1).Select(l => l.Split(": ", 2)).ToDictionary(p => p[0], p => p[1], StringComparer.OrdinalIgnoreCase);
        var body = new byte[int.Parse(headers.GetValueOrDefault("Content-Length", "0"), CultureInfo.InvariantCulture)];
        await _stream.ReadExactlyAsync(body, killed);
        return new RawAnswer(int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture), headers, Encoding.UTF8.GetString(body));
    }

    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
    }
}

/// <summary>Runtimes to play.</summary>
internal static class Runtimes
{
    /// <summary>Answers every event with what the function makes of it.</summary>
    public static Func<FakeSandbox, CancellationToken, Task> Answering(Func<FakeSandbox, RawAnswer, string> function) => async (sandbox, killed) =>
    {
        using var client = new RuntimeClient(sandbox);
        while (true)
        {
            var next = await client.NextAsync(killed);
            var receipt = await client.ReplyAsync(next.RequestId, function(sandbox, next), killed);
            if (receipt.Status != 202)
            {
                // Ends the run with a status that no test expects.
                sandbox.Exit(receipt.Status % 256);
            }
        }
    };

    public static Func<FakeSandbox, CancellationToken, Task> Echo { get; } = Answering((_, next) => next.Body);
}
