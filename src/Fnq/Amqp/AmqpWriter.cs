using System.Buffers.Binary;
using System.Text;

namespace Fnq.Amqp;

/// <summary>Puts frames one behind the other into one buffer.</summary>
internal sealed class AmqpWriter
{
    private byte[] _bytes = new byte[4096];
    private int _frameAt = -1;

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    public void Clear()
    {
        Length = 0;
        if (_bytes.Length > AmqpLimits.KeptBufferBytesMax)
        {
            _bytes = new byte[4096];
        }
    }

    public AmqpWriter Method(ushort channel, uint method)
    {
        Begin(AmqpFrame.Method, channel);
        return Long(method);
    }

    public AmqpWriter Octet(byte value)
    {
        Take(1)[0] = value;
        return this;
    }

    public AmqpWriter Short(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(Take(2), value);
        return this;
    }

    public AmqpWriter Long(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(Take(4), value);
        return this;
    }

    public AmqpWriter LongLong(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(Take(8), value);
        return this;
    }

    /// <exception cref="ArgumentException">Over 255 bytes.</exception>
    public AmqpWriter ShortString(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        if (length > byte.MaxValue)
        {
            throw new ArgumentException("A name of over 255 bytes");
        }

        Octet((byte)length);
        Encoding.UTF8.GetBytes(value, Take(length));
        return this;
    }

    public AmqpWriter LongString(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        Long((uint)length);
        Encoding.UTF8.GetBytes(value, Take(length));
        return this;
    }

    /// <summary>Of strings, whole numbers, switches and tables.</summary>
    public AmqpWriter Table(IReadOnlyDictionary<string, object>? entries)
    {
        var lengthAt = Length;
        Long(0);
        foreach (var (name, value) in entries ?? new Dictionary<string, object>())
        {
            ShortString(name);
            _ = value switch
            {
                string text => Octet((byte)'S').LongString(text),
                int number => Octet((byte)'I').Long((uint)number),
                bool isOn => Octet((byte)'t').Octet(isOn ? (byte)1 : (byte)0),
                IReadOnlyDictionary<string, object> table => Octet((byte)'F').Table(table),
                _ => throw new ArgumentException($"A table entry of {value.GetType()}"),
            };
        }

        BinaryPrimitives.WriteUInt32BigEndian(_bytes.AsSpan(lengthAt), (uint)(Length - lengthAt - sizeof(uint)));
        return this;
    }

    /// <summary>The arguments of a close on purpose, of a channel or of a connection.</summary>
    public AmqpWriter Goodbye() => Short(AmqpClosedException.ClosedHere).ShortString("").Short(0).Short(0);

    public void End()
    {
        BinaryPrimitives.WriteUInt32BigEndian(_bytes.AsSpan(_frameAt + AmqpFrame.HeadBytes - sizeof(uint)), (uint)(Length - _frameAt - AmqpFrame.HeadBytes));
        Octet(AmqpFrame.End);
        _frameAt = -1;
    }

    /// <summary>Takes back what a method that could not be put down has left.</summary>
    public void CutTo(int length) => (Length, _frameAt) = (length, -1);

    /// <summary>The content of a message behind its method, in frames of so many bytes.</summary>
    public void Content(ushort channel, AmqpProperties properties, ReadOnlySpan<byte> body, int frameBytes)
    {
        Begin(AmqpFrame.Header, channel);
        Short(AmqpMethod.BasicClass).Short(0).LongLong((ulong)body.Length);
        properties.Write(this);
        End();
        Body(channel, body, frameBytes);
    }

    /// <summary>The same with properties that are ready-made.</summary>
    public void Content(ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, int frameBytes)
    {
        Begin(AmqpFrame.Header, channel);
        Short(AmqpMethod.BasicClass).Short(0).LongLong((ulong)body.Length).Bytes(head);
        End();
        Body(channel, body, frameBytes);
    }

    public AmqpWriter Bytes(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Take(bytes.Length));
        return this;
    }

    private void Body(ushort channel, ReadOnlySpan<byte> body, int frameBytes)
    {
        while (!body.IsEmpty)
        {
            var piece = body[..Math.Min(body.Length, frameBytes - AmqpFrame.FramingBytes)];
            Begin(AmqpFrame.Body, channel);
            piece.CopyTo(Take(piece.Length));
            End();
            body = body[piece.Length..];
        }
    }

    public void Heartbeat()
    {
        Begin(AmqpFrame.Heartbeat, 0);
        End();
    }

    public void ProtocolHeader() => "AMQP\0\0\u0009\u0001"u8.CopyTo(Take(8));

    private void Begin(byte type, ushort channel)
    {
        _frameAt = Length;
        Octet(type).Short(channel).Long(0);
    }

    private Span<byte> Take(int count)
    {
        if (_bytes.Length - Length < count)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        }

        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }
}
