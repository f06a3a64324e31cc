using System.Buffers.Binary;

namespace Fnq.Amqp;

/// <summary>What comes by the connection: frames taken apart and given to their channels, and the connection's own methods.</summary>
internal sealed partial class AmqpConnection
{
    private static readonly Dictionary<string, object> Capabilities = new()
    {
        ["publisher_confirms"] = true,
        ["consumer_cancel_notify"] = true,
        ["basic.nack"] = true,
        ["connection.blocked"] = true,
        ["authentication_failure_close"] = true,
    };

    private async Task ReceiveAsync()
    {
        // A buffer of its own for the connection's life: the largest frame fits into it.
        var buffer = new byte[AmqpLimits.FrameBytesTaken + AmqpFrame.FramingBytes];
        var length = 0;
        try
        {
            while (await _stream.ReadAsync(buffer.AsMemory(length)) is > 0 and var count)
            {
                Volatile.Write(ref _heardAt, _time.GetTimestamp());
                length += count;
                var taken = TakeFrames(buffer.AsSpan(0, length));
                length -= taken;
                if (taken > 0 && length > 0)
                {
                    buffer.AsSpan(taken, length).CopyTo(buffer);
                }
            }

            Fail(new AmqpClosedException(0, "The broker hung up"));
        }
        catch (Exception e)
        {
            Fail(e);
        }
        finally
        {
            await _stream.DisposeAsync();
            _socket.Dispose();
        }
    }

    /// <summary>How many bytes the whole frames among them had.</summary>
    private int TakeFrames(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (bytes.Length - at >= AmqpFrame.FramingBytes)
        {
            var frame = bytes[at..];
            if (frame.StartsWith("AMQP"u8))
            {
                throw new FormatException("The broker speaks another version of AMQP");
            }

            var size = BinaryPrimitives.ReadUInt32BigEndian(frame[3..]);
            if (size > AmqpLimits.FrameBytesTaken)
            {
                throw new FormatException($"The broker sends a frame of {size} bytes");
            }

            var whole = (int)size + AmqpFrame.FramingBytes;
            if (frame.Length < whole)
            {
                break;
            }

            if (frame[whole - 1] != AmqpFrame.End)
            {
                throw new FormatException("A frame of the broker does not end where it should");
            }

            OnFrame(frame[0], BinaryPrimitives.ReadUInt16BigEndian(frame[1..]), frame.Slice(AmqpFrame.HeadBytes, (int)size));
            at += whole;
        }

        return at;
    }

    private void OnFrame(byte type, ushort number, ReadOnlySpan<byte> payload)
    {
        if (type == AmqpFrame.Heartbeat)
        {
            return;
        }

        if (number == 0)
        {
            OnOwnMethod(payload);
            return;
        }

        // For a channel that is closed here already the broker may have sent something before it heard of it.
        if (!_channels.TryGetValue(number, out var channel))
        {
            return;
        }

        switch (type)
        {
            case AmqpFrame.Method:
                channel.OnMethod(new AmqpReader(payload).Long(), payload[sizeof(uint)..]);
                break;
            case AmqpFrame.Header:
                channel.OnHeader(payload);
                break;
            case AmqpFrame.Body:
                channel.OnBody(payload);
                break;
            default:
                throw new FormatException($"The broker sends a frame of type {type}");
        }
    }

    private void OnOwnMethod(ReadOnlySpan<byte> payload)
    {
        var from = new AmqpReader(payload);
        switch (from.Long())
        {
            case AmqpMethod.ConnectionStart:
                _output.Write(this, static (to, it) => to.Method(0, AmqpMethod.ConnectionStartOk)
                    .Table(new Dictionary<string, object> { ["product"] = "Fnq", ["connection_name"] = it._name, ["capabilities"] = Capabilities })
                    .ShortString("PLAIN").LongString($"\0{it._address.User}\0{it._address.Password}").ShortString("en_US").End());
                break;
            case AmqpMethod.ConnectionTune:
                Tune(from.Short(), from.Long(), from.Short());
                break;
            case AmqpMethod.ConnectionOpenOk:
                _opened.TrySetResult();
                break;
            case AmqpMethod.ConnectionBlocked:
                SetBlocked(true, from.ShortString());
                break;
            case AmqpMethod.ConnectionUnblocked:
                SetBlocked(false, "unblocked");
                break;
            case AmqpMethod.ConnectionClose:
                var reason = new AmqpClosedException(from.Short(), from.ShortString());
                _output.Write(0, static (to, _) => to.Method(0, AmqpMethod.ConnectionCloseOk).End());
                Fail(reason);
                break;
            case AmqpMethod.ConnectionCloseOk:
                Fail(ClosedHere());
                break;
            default:
                throw new FormatException("The broker sends a method that is not known here");
        }
    }

    /// <summary>Zero is the broker's "no limit" and, of the heartbeat, "none": then ours holds.</summary>
    private void Tune(ushort channels, uint frameBytes, ushort heartbeatSeconds)
    {
        _channelMax = channels == 0 ? _channelMax : Math.Min(channels, _channelMax);
        FrameBytes = frameBytes == 0 ? FrameBytes : (int)Math.Min(frameBytes, (uint)FrameBytes);
        var heartbeat = (ushort)AmqpLimits.Heartbeat.TotalSeconds;
        heartbeat = heartbeatSeconds == 0 ? heartbeat : Math.Min(heartbeatSeconds, heartbeat);
        _output.Write(
            (It: this, heartbeat),
            static (to, what) =>
            {
                to.Method(0, AmqpMethod.ConnectionTuneOk).Short(what.It._channelMax).Long((uint)what.It.FrameBytes).Short(what.heartbeat).End();
                to.Method(0, AmqpMethod.ConnectionOpen).ShortString(what.It._address.VirtualHost).ShortString("").Octet(0).End();
            });
        StartHeart(TimeSpan.FromSeconds(heartbeat));
    }

    private void SetBlocked(bool isBlocked, string reason)
    {
        IsBlocked = isBlocked;
        Blocking?.Invoke(reason);
    }
}
