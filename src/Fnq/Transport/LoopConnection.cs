using System.Globalization;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Fnq.Transport;

/// <summary>
/// One connection of Kestrel's on an event loop. Its bytes are read as they come, a buffer a turn, and what is answered is
/// sent in the call that answers.
/// </summary>
internal sealed class LoopConnection : DefaultConnectionContext
{
    private const int BufferMin = 2048;
    private const long UnsentMax = 64 * 1024;

    private static long _last;

    private readonly LoopSocket _socket;
    private readonly Pipe _received;
    private readonly Pipe _sent;
    private readonly CancellationTokenSource _closed = new();
    private Task _work = Task.CompletedTask;
    private volatile Exception? _aborted;

    private LoopConnection(Socket socket, Pipe received, Pipe sent)
        : base(
            Interlocked.Increment(ref _last).ToString(CultureInfo.InvariantCulture),
            new Duplex(received.Reader, sent.Writer), new Duplex(sent.Reader, received.Writer))
    {
        (_received, _sent) = (received, sent);
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
        ConnectionClosed = _closed.Token;
        _socket = new LoopSocket(socket, EventLoop.Next());
    }

    /// <summary>Null, and the socket closed, when the peer has reset it meanwhile or the kernel has no room for it.</summary>
    public static LoopConnection? TryStart(Socket socket, long readAheadMax)
    {
        try
        {
            if (socket.ProtocolType == ProtocolType.Tcp)
            {
                socket.NoDelay = true;
            }

            var connection = new LoopConnection(socket, NewPipe(readAheadMax), NewPipe(UnsentMax));
            connection._work = connection.RunAsync();
            return connection;
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            socket.Dispose();
            return null;
        }
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        _aborted ??= abortReason;
        _socket.Shutdown();
        _sent.Reader.CancelPendingRead();
    }

    public override async ValueTask DisposeAsync()
    {
        await Transport.Input.CompleteAsync();
        await Transport.Output.CompleteAsync();
        await _work;
        _closed.Dispose();
        await base.DisposeAsync();
    }

    private static Pipe NewPipe(long max) =>
        new(new PipeOptions(null, PipeScheduler.Inline, PipeScheduler.Inline, max, max / 2, useSynchronizationContext: false));

    private async Task RunAsync()
    {
        using (_socket)
        {
            await Task.WhenAll(ReceiveAsync(), SendAsync());
        }
    }

    private async Task ReceiveAsync()
    {
        var writer = _received.Writer;
        Exception? failure = null;
        try
        {
            while (true)
            {
                var buffer = writer.GetMemory(BufferMin);
                var count = _socket.TryReceive(buffer.Span);
                if (count == 0)
                {
                    break;
                }

                if (count > 0)
                {
                    writer.Advance(count);
                    var flushed = await writer.FlushAsync();
                    if (flushed.IsCompleted || flushed.IsCanceled)
                    {
                        break;
                    }
                }

                // Less than was asked for is all there is, and what comes will be said. After more, the others of the loop
                // come first.
                if (count > 0 && (count == buffer.Length || _socket.IsEnding))
                {
                    _socket.AskAgain();
                }

                await _socket.Readable;
            }
        }
        catch (SocketException e)
        {
            failure = new ConnectionResetException(e.Message, e);
        }
        catch (ObjectDisposedException e)
        {
            failure = new ConnectionAbortedException(e.Message, e);
        }
        finally
        {
            await writer.CompleteAsync(_aborted ?? failure);
            await _closed.CancelAsync();
        }
    }

    private async Task SendAsync()
    {
        var reader = _sent.Reader;
        try
        {
            while (true)
            {
                var result = await reader.ReadAsync();
                if (result.IsCanceled)
                {
                    break;
                }

                await _socket.SendAsync(result.Buffer);
                reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Whoever writes on learns that nobody reads it.
            _aborted ??= new ConnectionResetException(e.Message, e);
        }
        finally
        {
            _socket.Shutdown();
            await reader.CompleteAsync();
            _received.Writer.CancelPendingFlush();
        }
    }

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
