namespace Fnq.Amqp;

/// <summary>The methods of AMQP 0-9-1 that are spoken here: class in the upper half, method in the lower.</summary>
internal static class AmqpMethod
{
    public const uint ConnectionStart = (10 << 16) | 10;
    public const uint ConnectionStartOk = (10 << 16) | 11;
    public const uint ConnectionTune = (10 << 16) | 30;
    public const uint ConnectionTuneOk = (10 << 16) | 31;
    public const uint ConnectionOpen = (10 << 16) | 40;
    public const uint ConnectionOpenOk = (10 << 16) | 41;
    public const uint ConnectionClose = (10 << 16) | 50;
    public const uint ConnectionCloseOk = (10 << 16) | 51;
    public const uint ConnectionBlocked = (10 << 16) | 60;
    public const uint ConnectionUnblocked = (10 << 16) | 61;
    public const uint ChannelOpen = (20 << 16) | 10;
    public const uint ChannelOpenOk = (20 << 16) | 11;
    public const uint ChannelClose = (20 << 16) | 40;
    public const uint ChannelCloseOk = (20 << 16) | 41;
    public const uint ExchangeDeclare = (40 << 16) | 10;
    public const uint ExchangeDeclareOk = (40 << 16) | 11;
    public const uint QueueDeclare = (50 << 16) | 10;
    public const uint QueueDeclareOk = (50 << 16) | 11;
    public const uint QueueBind = (50 << 16) | 20;
    public const uint QueueBindOk = (50 << 16) | 21;
    public const uint QueueUnbind = (50 << 16) | 50;
    public const uint QueueUnbindOk = (50 << 16) | 51;
    public const uint BasicQos = (60 << 16) | 10;
    public const uint BasicQosOk = (60 << 16) | 11;
    public const uint BasicConsume = (60 << 16) | 20;
    public const uint BasicConsumeOk = (60 << 16) | 21;
    public const uint BasicCancel = (60 << 16) | 30;
    public const uint BasicCancelOk = (60 << 16) | 31;
    public const uint BasicPublish = (60 << 16) | 40;
    public const uint BasicReturn = (60 << 16) | 50;
    public const uint BasicDeliver = (60 << 16) | 60;
    public const uint BasicGet = (60 << 16) | 70;
    public const uint BasicGetOk = (60 << 16) | 71;
    public const uint BasicGetEmpty = (60 << 16) | 72;
    public const uint BasicAck = (60 << 16) | 80;
    public const uint BasicReject = (60 << 16) | 90;
    public const uint BasicNack = (60 << 16) | 120;
    public const uint ConfirmSelect = (85 << 16) | 10;
    public const uint ConfirmSelectOk = (85 << 16) | 11;

    public const ushort BasicClass = 60;
}

internal static class AmqpFrame
{
    public const byte Method = 1;
    public const byte Header = 2;
    public const byte Body = 3;
    public const byte Heartbeat = 8;
    public const byte End = 0xCE;

    /// <summary>Type, channel, length.</summary>
    public const int HeadBytes = 7;
    public const int FramingBytes = HeadBytes + 1;

    /// <summary>Class, weight and length of a body, before the properties.</summary>
    public const int ContentHeadBytes = 12;
}
