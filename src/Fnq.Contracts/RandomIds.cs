using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Fnq.Contracts;

/// <summary>
/// Random UUIDs out of a buffer. <see cref="Guid.NewGuid"/> asks the kernel for the sixteen bytes of each, twice in
/// every invocation; this asks once for 256 of them.
/// </summary>
public static class RandomIds
{
    private const int Size = 16;
    private const int BufferBytes = 256 * Size;

    [ThreadStatic]
    private static byte[]? t_buffer;

    [ThreadStatic]
    private static int t_used;

    /// <summary>A UUIDv4.</summary>
    public static Guid New()
    {
        var bytes = Take();
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40);
        return Read(bytes);
    }

    /// <summary>A UUIDv7: its first 48 bits are the Unix time in milliseconds.</summary>
    public static Guid New(DateTimeOffset time)
    {
        var bytes = Take();
        BinaryPrimitives.WriteInt64BigEndian(bytes, (time.ToUnixTimeMilliseconds() << 16) | BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]));
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x70);
        return Read(bytes);
    }

    private static Guid Read(Span<byte> bytes)
    {
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        var id = new Guid(bytes, bigEndian: true);
        bytes.Clear();
        return id;
    }

    private static Span<byte> Take()
    {
        if (t_buffer is null || t_used == BufferBytes)
        {
            RandomNumberGenerator.Fill(t_buffer ??= new byte[BufferBytes]);
            t_used = 0;
        }

        t_used += Size;
        return t_buffer.AsSpan(t_used - Size, Size);
    }
}
