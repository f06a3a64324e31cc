namespace Fnq.Functions.Packages;

/// <summary>Passes an entry's bytes on and holds them to the declared size and checksum.</summary>
internal sealed class CheckedStream(Stream inner, long size, uint crc, string path) : ReadOnlyForwardStream
{
    private long _left = size;
    private uint _running = Crc32.Start;
    private bool _ended;

    public override int Read(Span<byte> buffer)
    {
        if (_ended || buffer.IsEmpty)
        {
            return 0;
        }

        var read = ReadInner(buffer);
        _left -= read;
        if (_left < 0)
        {
            throw PackageException.Unreadable($"'{path}' inflates to more than it declares");
        }

        _running = Crc32.Append(_running, buffer[..read]);
        if (read == 0)
        {
            End();
        }

        return read;
    }

    private int ReadInner(Span<byte> buffer)
    {
        try
        {
            return inner.Read(buffer);
        }
        catch (InvalidDataException)
        {
            throw PackageException.Unreadable($"'{path}' is not a deflate stream");
        }
    }

    private void End()
    {
        _ended = true;
        if (_left != 0 || Crc32.Finish(_running) != crc)
        {
            throw PackageException.Unreadable($"'{path}' is shorter than declared or fails its checksum");
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}

internal sealed class MemorySliceStream(ReadOnlyMemory<byte> bytes) : ReadOnlyForwardStream
{
    private ReadOnlyMemory<byte> _rest = bytes;

    public override int Read(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _rest.Length);
        _rest.Span[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return count;
    }
}

/// <summary>The members of a stream that can only be read forward.</summary>
internal abstract class ReadOnlyForwardStream : Stream
{
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        new(Read(buffer.Span));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
