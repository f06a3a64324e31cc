namespace Fnq.Execution.Output;

/// <summary>The last bytes of what was appended, each line with its line feed.</summary>
internal sealed class TailBuffer(int capacity)
{
    private readonly byte[] _bytes = new byte[capacity];
    private long _written;

    public void Append(ReadOnlySpan<byte> line)
    {
        Copy(line.Length > capacity ? line[^capacity..] : line);
        Copy("\n"u8);
    }

    public byte[] ToArray()
    {
        var length = (int)Math.Min(_written, capacity);
        var start = (int)((_written - length) % capacity);
        var head = Math.Min(length, capacity - start);
        return [.. _bytes.AsSpan(start, head), .. _bytes.AsSpan(0, length - head)];
    }

    private void Copy(ReadOnlySpan<byte> bytes)
    {
        var start = (int)(_written % capacity);
        var head = Math.Min(bytes.Length, capacity - start);
        bytes[..head].CopyTo(_bytes.AsSpan(start));
        bytes[head..].CopyTo(_bytes);
        _written += bytes.Length;
    }
}
