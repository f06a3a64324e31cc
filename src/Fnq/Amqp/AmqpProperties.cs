namespace Fnq.Amqp;

/// <summary>The properties of a message that Fnq uses; others are read past.</summary>
internal sealed record AmqpProperties
{
    private const ushort ContentTypeFlag = 1 << 15, EncodingFlag = 1 << 14, HeadersFlag = 1 << 13, DeliveryModeFlag = 1 << 12, PriorityFlag = 1 << 11;
    private const ushort CorrelationIdFlag = 1 << 10, ReplyToFlag = 1 << 9, ExpirationFlag = 1 << 8, MessageIdFlag = 1 << 7;
    private const ushort TimestampFlag = 1 << 6, TypeFlag = 1 << 5, MoreFlags = 1;

    public static readonly AmqpProperties None = new();

    public string? Type { get; init; }

    public string? CorrelationId { get; init; }

    public string? ReplyTo { get; init; }

    /// <summary>Milliseconds in digits.</summary>
    public string? Expiration { get; init; }

    public string? MessageId { get; init; }

    public static AmqpProperties Read(ref AmqpReader from)
    {
        var flags = from.Short();
        if ((flags & MoreFlags) != 0)
        {
            throw new FormatException("Properties of a message that AMQP does not know");
        }

        SkipUnused(ref from, flags);
        var correlationId = (flags & CorrelationIdFlag) != 0 ? from.ShortString() : null;
        var replyTo = (flags & ReplyToFlag) != 0 ? from.ShortString() : null;
        var expiration = (flags & ExpirationFlag) != 0 ? from.ShortString() : null;
        var messageId = (flags & MessageIdFlag) != 0 ? from.ShortString() : null;
        if ((flags & TimestampFlag) != 0)
        {
            from.LongLong();
        }

        // What follows the type is of no use, and the last that is looked at.
        var type = (flags & TypeFlag) != 0 ? from.ShortString() : null;
        return flags == 0 ? None : new()
        {
            Type = type, CorrelationId = correlationId, ReplyTo = replyTo, Expiration = expiration, MessageId = messageId,
        };
    }

    public void Write(AmqpWriter to)
    {
        to.Short((ushort)(Flag(CorrelationId, CorrelationIdFlag) | Flag(ReplyTo, ReplyToFlag) | Flag(Expiration, ExpirationFlag)
            | Flag(MessageId, MessageIdFlag) | Flag(Type, TypeFlag)));
        WriteIf(to, CorrelationId);
        WriteIf(to, ReplyTo);
        WriteIf(to, Expiration);
        WriteIf(to, MessageId);
        WriteIf(to, Type);
    }

    private static void SkipUnused(ref AmqpReader from, ushort flags)
    {
        if ((flags & ContentTypeFlag) != 0)
        {
            from.ShortString();
        }

        if ((flags & EncodingFlag) != 0)
        {
            from.ShortString();
        }

        if ((flags & HeadersFlag) != 0)
        {
            from.Block();
        }

        if ((flags & DeliveryModeFlag) != 0)
        {
            from.Octet();
        }

        if ((flags & PriorityFlag) != 0)
        {
            from.Octet();
        }
    }

    private static int Flag(string? value, ushort flag) => value is null ? 0 : flag;

    private static void WriteIf(AmqpWriter to, string? value)
    {
        if (value is not null)
        {
            to.ShortString(value);
        }
    }
}
