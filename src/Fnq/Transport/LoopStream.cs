using System.Buffers;
using System.Runtime.CompilerServices;

namespace Fnq.Transport;

/// <summary>A loop's socket as a stream, for one reader and one writer. Who waits goes on in the loop's turn.</summary>
internal sealed class LoopStream(LoopSocket socket) : Stream
{
    private bool _isDry;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Once a turn: what is left then comes after the others of the loop. The loop ends a wait, not the token.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (_isDry)
            {
                await socket.Readable;
            }

            var count = socket.TryReceive(buffer.Span);
            _isDry = count != 0;
            if (count > 0 && (count == buffer.Length || socket.IsEnding))
            {
                socket.AskAgain();
            }

            if (count >= 0)
            {
                return count;
            }
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        socket.SendAsync(new ReadOnlySequence<byte>(buffer));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
        // What is written is sent.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
