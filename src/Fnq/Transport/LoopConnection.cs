using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Fnq.Transport;

/// <summary>One connection of Kestrel's on an event loop: bytes go on in the thread that read them.</summary>
internal sealed class LoopConnection : DefaultConnectionContext
{
    private const int BufferMin = 2048;
    private const long UnsentMax = 64 * 1024;

    private readonly LoopSocket _socket;
    private readonly Pipe _received;
    private readonly Pipe _sent;
    private readonly CancellationTokenSource _closed = new();
    private Task _work = Task.CompletedTask;
    private volatile Exception? _aborted;

    private LoopConnection(Socket socket, Pipe received, Pipe sent)
        : base(Guid.NewGuid().ToString(), new Duplex(received.Reader, sent.Writer), new Duplex(sent.Reader, received.Writer))
    {
        (_received, _sent) = (received, sent);
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
        ConnectionClosed = _closed.Token;
        _socket = new LoopSocket(socket, EventLoop.Next());
    }

    /// <exception cref="SocketException">It was reset since it was accepted.</exception>
    public static LoopConnection Start(Socket socket, long readAheadMax)
    {
        var connection = new LoopConnection(socket, NewPipe(readAheadMax), NewPipe(UnsentMax));
        connection._work = Task.WhenAll(connection.ReceiveAsync(), connection.SendAsync());
        return connection;
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
        _socket.Dispose();
        _closed.Dispose();
        await base.DisposeAsync();
    }

    private static Pipe NewPipe(long max) =>
        new(new PipeOptions(null, PipeScheduler.Inline, PipeScheduler.Inline, max, max / 2, useSynchronizationContext: false));

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

                // Less than was asked for is all there is, and the next byte, or the end, will be said. After more the
                // others of the loop come first.
                if (count == buffer.Length)
                {
                    _socket.AskAgain();
                }

                await _socket.Readable.WaitAsync();
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

                var left = result.Buffer;
                while (!left.IsEmpty)
                {
                    var count = _socket.TrySend(left);
                    if (count < 0)
                    {
                        await _socket.Writable.WaitAsync();
                    }
                    else
                    {
                        left = left.Slice(count);
                    }
                }

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
