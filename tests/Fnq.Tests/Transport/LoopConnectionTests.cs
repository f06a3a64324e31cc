using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Fnq.Transport;
using Microsoft.AspNetCore.Connections;
using Xunit;

namespace Fnq.Tests.Transport;

/// <summary>Real sockets on the real loops, which one of the tests keeps busy: other tests come before or after.</summary>
[Collection(nameof(LoopConnectionTests))]
[CollectionDefinition(nameof(LoopConnectionTests), DisableParallelization = true)]
public sealed class LoopConnectionTests : IAsyncLifetime
{
    private const int Large = 8 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly LoopListeners _listeners = new LoopListeners(TimeProvider.System);
    private IConnectionListener _listener = null!;

    public async ValueTask InitializeAsync() => _listener = await _listeners.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));

    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    [Fact]
    public async Task Bytes_go_both_ways_unchanged_whatever_their_number()
    {
        var (peer, connection) = await ConnectAsync();
        using var _ = peer;
        var echo = EchoAsync(connection);
        foreach (var length in new[] { 1, 4_095, 4_096, 4_097, Large })
        {
            var sent = RandomNumberGenerator.GetBytes(length);
            var sending = peer.SendAsync(sent).WaitAsync(Limit);
            Assert.Equal(sent, await ReceiveAsync(peer, length));
            await sending;
        }

        peer.Shutdown(SocketShutdown.Send);
        await echo.WaitAsync(Limit);
        Assert.Equal(0, await peer.ReceiveAsync(new byte[1]).WaitAsync(Limit));
    }

    /// <summary>The end comes with the bytes, and nothing is said after it.</summary>
    [Fact]
    public async Task An_end_right_behind_the_last_byte_is_seen()
    {
        for (var round = 0; round < 200; round++)
        {
            var (peer, connection) = await ConnectAsync();
            var sink = SinkAsync(connection);
            await peer.SendAsync(new byte[1 + (round * 100)]).WaitAsync(Limit);
            peer.Dispose();
            await sink.WaitAsync(Limit);
        }
    }

    [Fact]
    public async Task Who_writes_waits_for_a_peer_that_does_not_read()
    {
        var (peer, connection) = await ConnectAsync();
        using var _ = peer;
        var body = RandomNumberGenerator.GetBytes(Large);
        var writing = connection.Transport.Output.WriteAsync(body).AsTask();
        Assert.False(writing.IsCompleted);
        Assert.Equal(body, await ReceiveAsync(peer, Large));
        await writing.WaitAsync(Limit);
        await connection.DisposeAsync().AsTask().WaitAsync(Limit);
    }

    [Fact]
    public async Task Nothing_is_read_beyond_what_its_reader_lets_wait()
    {
        var (peer, connection) = await ConnectAsync();
        using var _ = peer;
        peer.Blocking = false;
        var body = new byte[64 << 20];
        var sent = 0;
        while (peer.Poll(TimeSpan.FromMilliseconds(500), SelectMode.SelectWrite))
        {
            sent += peer.Send(body.AsSpan(sent), SocketFlags.None, out var _);
        }

        Assert.InRange(sent, 1, body.Length / 2); // The kernel's buffers, 1 MiB of ours and what crossed it.
        Assert.InRange((await connection.Transport.Input.ReadAsync()).Buffer.Length, 1, (1 << 20) + 4_096);
        await connection.DisposeAsync().AsTask().WaitAsync(Limit);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_peer_that_goes_ends_the_reading_and_closes_the_connection(bool resets)
    {
        var (peer, connection) = await ConnectAsync();
        var closed = ClosedAsync(connection);
        var reading = connection.Transport.Input.ReadAsync().AsTask();
        peer.LingerState = new LingerOption(resets, 0);
        peer.Dispose();
        await closed.WaitAsync(Limit);
        if (resets)
        {
            await Assert.ThrowsAsync<ConnectionResetException>(() => reading.WaitAsync(Limit));
        }
        else
        {
            Assert.True((await reading.WaitAsync(Limit)).IsCompleted);
        }

        await connection.DisposeAsync().AsTask().WaitAsync(Limit);
    }

    [Fact]
    public async Task An_abort_ends_who_reads_and_who_writes()
    {
        var (peer, connection) = await ConnectAsync();
        using var _ = peer;
        var reading = connection.Transport.Input.ReadAsync().AsTask();
        var writing = connection.Transport.Output.WriteAsync(new byte[Large]).AsTask();
        connection.Abort(new ConnectionAbortedException("of a test"));
        await Assert.ThrowsAsync<ConnectionAbortedException>(() => reading.WaitAsync(Limit));
        Assert.True((await writing.WaitAsync(Limit)).IsCompleted);
        await connection.DisposeAsync().AsTask().WaitAsync(Limit);
    }

    /// <summary>
    /// Each loop has a connection that always has megabytes to read and is slow with them. A word on another is answered
    /// after some turns of 4 KB, not after all that was waiting.
    /// </summary>
    [Fact]
    public async Task Who_sends_without_end_does_not_keep_the_loop_from_others()
    {
        using var over = new CancellationTokenSource();
        var (flooding, read) = (new List<Task>(), new long[Environment.ProcessorCount]);
        for (var i = 0; i < read.Length; i++)
        {
            var number = i;
            var (flooder, sink) = await ConnectAsync();
            flooding.Add(FloodAsync(flooder, over.Token));
            flooding.Add(SinkAsync(sink, bytes => Interlocked.Add(ref read[number], over.IsCancellationRequested ? 0 : Slowly(bytes))));
        }

        await Until(() => read.All(bytes => bytes > 0));
        var readMeanwhile = new List<long>();
        for (var i = 0; i < 2 * read.Length; i++)
        {
            var (peer, connection) = await ConnectAsync();
            var echo = EchoAsync(connection);
            var before = read.Sum();
            await peer.SendAsync(new byte[] { 42 }).WaitAsync(Limit);
            Assert.Equal([42], await ReceiveAsync(peer, 1));
            readMeanwhile.Add(read.Sum() - before);
            peer.Dispose();
            await echo.WaitAsync(Limit);
        }

        Assert.All(flooding, task => Assert.False(task.IsCompleted));
        await over.CancelAsync();
        await Task.WhenAll(flooding).WaitAsync(Limit);
        readMeanwhile.Sort();
        Assert.InRange(readMeanwhile[readMeanwhile.Count / 2], 0, 128 * 1024);
    }

    private async Task<(Socket Peer, ConnectionContext Connection)> ConnectAsync()
    {
        var peer = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var accepting = _listener.AcceptAsync();
        await peer.ConnectAsync(_listener.EndPoint);
        return (peer, (await accepting)!);
    }

    private static Task ClosedAsync(ConnectionContext connection)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionClosed.Register(closed.SetResult);
        return closed.Task;
    }

    private static async Task EchoAsync(ConnectionContext connection)
    {
        await connection.Transport.Input.CopyToAsync(connection.Transport.Output);
        await connection.DisposeAsync();
    }

    private static async Task SinkAsync(ConnectionContext connection, Action<ReadOnlySequence<byte>>? use = null)
    {
        ReadResult result;
        do
        {
            result = await connection.Transport.Input.ReadAsync();
            use?.Invoke(result.Buffer);
            connection.Transport.Input.AdvanceTo(result.Buffer.End);
        }
        while (!result.IsCompleted);

        await connection.DisposeAsync();
    }

    private static long Slowly(ReadOnlySequence<byte> bytes)
    {
        for (var i = 0; i < 1_000; i++)
        {
            SHA256.HashData(bytes.FirstSpan);
        }

        return bytes.Length;
    }

    private static async Task Until(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        while (!condition())
        {
            await tick.WaitForNextTickAsync(limit.Token);
        }
    }

    private static async Task FloodAsync(Socket socket, CancellationToken over)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var _ = socket;
        var bytes = new byte[1 << 20];
        while (!over.IsCancellationRequested)
        {
            await socket.SendAsync(bytes);
        }
    }

    private static async Task<byte[]> ReceiveAsync(Socket socket, int length)
    {
        var bytes = new byte[length];
        for (var read = 0; read < length;)
        {
            var count = await socket.ReceiveAsync(bytes.AsMemory(read)).AsTask().WaitAsync(Limit);
            Assert.NotEqual(0, count);
            read += count;
        }

        return bytes;
    }
}
