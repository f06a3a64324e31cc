using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Fnq.Amqp;

namespace Fnq.Triggers.RabbitMq;

/// <summary>A value of a table or list of AMQP: its type's letter and its bytes, not looked at.</summary>
internal readonly record struct HeaderValue(char Type, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Null for what is no whole number.</summary>
    public long? Whole => Type switch
    {
        'b' => (sbyte)Bytes.Span[0],
        'B' => Bytes.Span[0],
        's' => BinaryPrimitives.ReadInt16BigEndian(Bytes.Span),
        'u' => BinaryPrimitives.ReadUInt16BigEndian(Bytes.Span),
        'I' => BinaryPrimitives.ReadInt32BigEndian(Bytes.Span),
        'i' => BinaryPrimitives.ReadUInt32BigEndian(Bytes.Span),
        'l' or 'L' => BinaryPrimitives.ReadInt64BigEndian(Bytes.Span),
        _ => null,
    };

    /// <summary>Null for what is no text.</summary>
    public string? Text => Type == 'S' ? Encoding.UTF8.GetString(Bytes.Span) : null;
}

/// <summary>An entry of a table.</summary>
/// <param name="Whole">As it stands in its table.</param>
internal readonly record struct HeaderEntry(string Name, HeaderValue Value, ReadOnlyMemory<byte> Whole);

/// <summary>
/// Reads tables that strangers wrote, one level at a time: what is inside is a length and so many bytes, so nothing is as deep
/// as they make it.
/// </summary>
internal static class HeaderTable
{
    /// <exception cref="FormatException">It is no table.</exception>
    public static List<HeaderEntry> Read(ReadOnlyMemory<byte> table)
    {
        var entries = new List<HeaderEntry>();
        var from = new AmqpReader(table.Span);
        while (!from.Rest.IsEmpty)
        {
            var start = table.Length - from.Rest.Length;
            var name = from.ShortString();
            var value = Take(ref from, table);
            entries.Add(new(name, value, table[start..^from.Rest.Length]));
        }

        return entries;
    }

    /// <exception cref="FormatException">It is no list.</exception>
    public static List<HeaderValue> ReadList(ReadOnlyMemory<byte> list)
    {
        var values = new List<HeaderValue>();
        var from = new AmqpReader(list.Span);
        while (!from.Rest.IsEmpty)
        {
            values.Add(Take(ref from, list));
        }

        return values;
    }

    public static void Add(ArrayBufferWriter<byte> to, string name, char type, ReadOnlySpan<byte> value)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        to.Write([(byte)bytes.Length]);
        to.Write(bytes);
        to.Write([(byte)type]);
        if (IsBlock(type))
        {
            BinaryPrimitives.WriteInt32BigEndian(to.GetSpan(sizeof(int)), value.Length);
            to.Advance(sizeof(int));
        }

        to.Write(value);
    }

    public static void Add(ArrayBufferWriter<byte> to, string name, int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        Add(to, name, 'I', bytes);
    }

    public static void Add(ArrayBufferWriter<byte> to, string name, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        Add(to, name, 'l', bytes);
    }

    private static bool IsBlock(char type) => type is 'S' or 'x' or 'A' or 'F';

    private static HeaderValue Take(ref AmqpReader from, ReadOnlyMemory<byte> whole)
    {
        var type = (char)from.Octet();
        var length = IsBlock(type) ? from.Block().Length : from.Take(SizeOf(type)).Length;
        var end = whole.Length - from.Rest.Length;
        return new(type, whole[(end - length)..end]);
    }

    private static int SizeOf(char type) => type switch
    {
        'V' => 0,
        't' or 'b' or 'B' => 1,
        's' or 'u' => 2,
        'I' or 'i' or 'f' => 4,
        'D' => 5,
        'l' or 'L' or 'd' or 'T' => 8,
        _ => throw new FormatException("A header of a type that AMQP does not know"),
    };
}
