using System.Buffers.Binary;
using System.Text;

namespace Fnq.Amqp;

/// <summary>Takes the arguments of a method one after the other.</summary>
/// <remarks>All of it throws a <see cref="FormatException"/> past the end.</remarks>
internal ref struct AmqpReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>What was not taken yet.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    public byte Octet() => Take(1)[0];

    public bool Bit() => (Octet() & 1) != 0;

    public ushort Short() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    public uint Long() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public ulong LongLong() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    public string ShortString() => Encoding.UTF8.GetString(ShortBytes());

    /// <summary>The bytes of a short string, for those that are only read past or are digits.</summary>
    public ReadOnlySpan<byte> ShortBytes() => Take(Octet());

    /// <summary>A long string or a table: both are a length and so many bytes.</summary>
    public ReadOnlySpan<byte> Block()
    {
        var length = Long();
        return Take(length <= int.MaxValue ? (int)length : int.MaxValue);
    }

    public ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            throw new FormatException("A frame of the broker ends too early");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
