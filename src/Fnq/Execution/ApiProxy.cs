using System.Buffers;
using System.Net.Sockets;
using Fnq.Transport;

namespace Fnq.Execution;

/// <summary>
/// Carries Fnq's API into sandboxes: bytes from the environment's own listener to the API and back, read by nobody. Its
/// requests are signed, so that the way in needs no protection beyond its limits.
/// </summary>
internal sealed partial class ApiProxy(ApiProxyOptions options, TimeProvider time, ILogger<ApiProxy> logger)
{
    /// <summary>Per environment; more are closed at once.</summary>
    public const int MaxConnections = 16;
    private const int BufferBytes = 16 * 1024;
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(5);
    private int _told;

    /// <summary>Ends, with all its connections, when the listener is closed: with the sandbox.</summary>
    public async Task RunAsync(Socket listener)
    {
        if (options.Target is null && Interlocked.Exchange(ref _told, 1) == 0)
        {
            LogNoTarget(logger);
        }

        using var over = new CancellationTokenSource();
        var open = 0;
        while (await Listening.NextAsync(listener, time) is { } socket)
        {
            if (options.Target is null || Volatile.Read(ref open) >= MaxConnections)
            {
                socket.Dispose();
                continue;
            }

            Interlocked.Increment(ref open);
            _ = ServeAsync(socket, over.Token).ContinueWith(_ => Interlocked.Decrement(ref open), TaskScheduler.Default);
        }

        await over.CancelAsync();
    }

    private async Task ServeAsync(Socket inside, CancellationToken over)
    {
        using var outside = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (inside)
        {
            try
            {
                inside.NoDelay = true;
                using (var limit = CancellationTokenSource.CreateLinkedTokenSource(over))
                {
                    limit.CancelAfter(ConnectLimit);
                    await outside.ConnectAsync(options.Target!.Host, options.Target.Port, limit.Token);
                }

                // Either side may end its half first; an error of one ends both.
                using var failed = CancellationTokenSource.CreateLinkedTokenSource(over);
                await Task.WhenAll(CopyAsync(inside, outside, failed), CopyAsync(outside, inside, failed));
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                if (!outside.Connected && !over.IsCancellationRequested)
                {
                    LogUnreachable(logger, options.Target!, e.Message);
                }
            }
        }
    }

    /// <summary>One buffer's worth at a time: whoever reads slowly slows the other down. A silent connection holds no buffer.</summary>
    private static async Task CopyAsync(Socket from, Socket to, CancellationTokenSource failed)
    {
        try
        {
            while (true)
            {
                await from.ReceiveAsync(Memory<byte>.Empty, failed.Token);
                var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
                try
                {
                    var count = await from.ReceiveAsync(buffer, failed.Token);
                    if (count == 0)
                    {
                        to.Shutdown(SocketShutdown.Send);
                        return;
                    }

                    for (var sent = 0; sent < count;)
                    {
                        sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), failed.Token);
                    }
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }
        }
        catch
        {
            await failed.CancelAsync();
            throw;
        }
    }

    [LoggerMessage(3151, LogLevel.Warning, "Functions cannot call Fnq's own API from this worker: it has no api role, and FNQ_API_URL is not set")]
    private static partial void LogNoTarget(ILogger logger);

    [LoggerMessage(3150, LogLevel.Warning, "Fnq's API at {Target} cannot be reached for a function: {Reason}")]
    private static partial void LogUnreachable(ILogger logger, Uri target, string reason);
}

internal sealed record ApiProxyOptions
{
    /// <summary>Fnq's API as this worker reaches it, <c>http://host:port</c>; null when it does not know one.</summary>
    public Uri? Target { get; init; }
}
