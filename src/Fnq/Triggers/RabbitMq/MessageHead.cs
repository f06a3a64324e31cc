using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Fnq.Amqp;

namespace Fnq.Triggers.RabbitMq;

/// <summary>The properties of a message in the order in which AMQP writes them.</summary>
internal enum HeadField
{
    ContentType = 0,
    ContentEncoding = 1,
    Headers = 2,
    DeliveryMode = 3,
    Priority = 4,
    CorrelationId = 5,
    ReplyTo = 6,
    Expiration = 7,
    MessageId = 8,
    Timestamp = 9,
    Type = 10,
    UserId = 11,
    AppId = 12,
    ClusterId = 13,
}

/// <summary>
/// The properties of a stranger's message, each as the bytes that it came as: what is not understood is passed on unharmed.
/// </summary>
internal sealed class MessageHead
{
    private const int Fields = 14;
    private const int MoreFlags = 3;
    private readonly byte[]?[] _values;

    private MessageHead(byte[]?[] values) => _values = values;

    /// <summary>Null for a property that the message has not. Headers are a table's entries, without its length.</summary>
    public byte[]? this[HeadField field] => _values[(int)field];

    /// <exception cref="FormatException">They are no properties.</exception>
    public static MessageHead Read(ReadOnlySpan<byte> bytes)
    {
        var from = new AmqpReader(bytes);
        var flags = from.Short();
        if ((flags & MoreFlags) != 0)
        {
            throw new FormatException("Properties of a message that AMQP does not know");
        }

        var values = new byte[]?[Fields];
        for (var field = 0; field < Fields; field++)
        {
            if ((flags & FlagOf(field)) != 0)
            {
                values[field] = Take(ref from, (HeadField)field).ToArray();
            }
        }

        return new(values);
    }

    /// <summary>With another value of one property; null is none.</summary>
    public MessageHead With(HeadField field, byte[]? value)
    {
        var values = (byte[]?[])_values.Clone();
        values[(int)field] = value;
        return new(values);
    }

    public string? Text(HeadField field) => this[field] is { } bytes ? Encoding.UTF8.GetString(bytes) : null;

    public byte[] Write()
    {
        var to = new ArrayBufferWriter<byte>(64);
        var flags = Enumerable.Range(0, Fields).Where(field => _values[field] is not null).Sum(FlagOf);
        BinaryPrimitives.WriteUInt16BigEndian(to.GetSpan(sizeof(ushort)), (ushort)flags);
        to.Advance(sizeof(ushort));
        for (var field = 0; field < Fields; field++)
        {
            if (_values[field] is { } value)
            {
                Put(to, (HeadField)field, value);
            }
        }

        return to.WrittenSpan.ToArray();
    }

    private static int FlagOf(int field) => 1 << (15 - field);

    private static ReadOnlySpan<byte> Take(ref AmqpReader from, HeadField field) => field switch
    {
        HeadField.Headers => from.Block(),
        HeadField.DeliveryMode or HeadField.Priority => from.Take(1),
        HeadField.Timestamp => from.Take(sizeof(ulong)),
        _ => from.ShortBytes(),
    };

    private static void Put(ArrayBufferWriter<byte> to, HeadField field, byte[] value)
    {
        switch (field)
        {
            case HeadField.Headers:
                BinaryPrimitives.WriteInt32BigEndian(to.GetSpan(sizeof(int)), value.Length);
                to.Advance(sizeof(int));
                break;
            case HeadField.DeliveryMode or HeadField.Priority or HeadField.Timestamp:
                break;
            default:
                to.Write([(byte)value.Length]);
                break;
        }

        to.Write(value);
    }
}
