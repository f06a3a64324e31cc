using System.Buffers.Text;

namespace Fnq.Amqp;

/// <summary>What comes by the channel. Called by the connection's one reader.</summary>
internal sealed partial class AmqpChannel
{
    // The message whose content is coming: what it is for, then its head, then its bytes.
    private Action<AmqpMessage>? _use;
    private ulong _deliveryTag;
    private bool _redelivered;
    private AmqpProperties _properties = AmqpProperties.None;
    private byte[] _head = [];
    private byte[]? _body;
    private int _bodyAt;
    private long _passedBytes;
    private long _toPass;

    internal void OnMethod(uint method, ReadOnlySpan<byte> arguments)
    {
        var from = new AmqpReader(arguments);
        switch (method)
        {
            case AmqpMethod.BasicDeliver:
                _use = Utf8Parser.TryParse(from.ShortBytes(), out int consumer, out _) && _consumers.TryGetValue(consumer, out var consume)
                    ? consume : static _ => { };
                (_deliveryTag, _redelivered) = (from.LongLong(), from.Bit());
                break;
            case AmqpMethod.BasicReturn:
                (_use, _deliveryTag, _redelivered) = (OnReturned, 0, false);
                break;
            case AmqpMethod.BasicGetOk:
                _use = message => Answer(new AmqpReply([], message));
                (_deliveryTag, _redelivered) = (from.LongLong(), from.Bit());
                break;
            case AmqpMethod.BasicAck:
                _confirms.Accept(from.LongLong(), from.Bit());
                break;
            case AmqpMethod.BasicNack:
                _confirms.Refuse(from.LongLong(), from.Bit());
                break;
            case AmqpMethod.BasicCancel:
                _ = DisposeAsync().AsTask(); // Its queue was deleted: whoever needs the channel makes all of it anew.
                break;
            case AmqpMethod.ChannelClose:
                var reason = new AmqpClosedException(from.Short(), from.ShortString());
                _output.Write(_number, static (to, number) => to.Method(number, AmqpMethod.ChannelCloseOk).End());
                Close(reason);
                break;
            default:
                Answer(new AmqpReply(arguments.ToArray()));
                break;
        }
    }

    internal void OnHeader(ReadOnlySpan<byte> payload)
    {
        var from = new AmqpReader(payload);
        from.Long(); // Class and weight.
        var length = from.LongLong();
        if (_strangersBodyMax is { } kept)
        {
            // What strangers wrote is looked at by whoever understands it, not in the turn that reads for all.
            _head = from.Rest.ToArray();
            _passedBytes = _toPass = length > (ulong)kept ? checked((long)length) : 0;
            length = _toPass == 0 ? length : 0;
        }
        else
        {
            _properties = AmqpProperties.Read(ref from);
        }

        if (length > AmqpLimits.BodyBytesMax)
        {
            throw new FormatException($"The broker announces a message of {length} bytes");
        }

        (_body, _bodyAt) = (length == 0 ? [] : new byte[length], 0);
        UseIfWhole();
    }

    internal void OnBody(ReadOnlySpan<byte> payload)
    {
        if (_body is null || payload.Length > _body.Length - _bodyAt + _toPass)
        {
            throw new FormatException("The broker sends more of a message than it announced");
        }

        if (_toPass > 0)
        {
            _toPass -= payload.Length;
            UseIfWhole();
            return;
        }

        payload.CopyTo(_body.AsSpan(_bodyAt));
        _bodyAt += payload.Length;
        UseIfWhole();
    }

    private void UseIfWhole()
    {
        if (_body is { } body && _bodyAt == body.Length && _toPass == 0 && _use is { } use)
        {
            (_body, _use) = (null, null);
            use(new AmqpMessage(_deliveryTag, _redelivered, _properties, body) { Head = _head, PassedBytes = _passedBytes });
        }
    }

    private void OnReturned(AmqpMessage message)
    {
        if (ulong.TryParse(message.Properties.MessageId, out var number))
        {
            _confirms.Return(number);
        }
        else
        {
            Returned?.Invoke(message);
        }
    }

    private void Answer(AmqpReply reply) => Volatile.Read(ref _asked)?.TrySetResult(reply);
}
