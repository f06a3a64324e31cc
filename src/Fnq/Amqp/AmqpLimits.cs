namespace Fnq.Amqp;

internal static class AmqpLimits
{
    /// <summary>A body goes in pieces of this; what RabbitMQ offers by itself.</summary>
    public const int FrameBytesMax = 131_072;

    /// <summary>A broker that adds to a message's headers, as it does to a dead letter's, makes a frame longer than was agreed.</summary>
    public const int FrameBytesTaken = FrameBytesMax + 16_384;

    /// <summary>Ten times the largest that Fnq sends; a broker that announces more is not believed.</summary>
    public const int BodyBytesMax = 64 << 20;

    /// <summary>Who publishes waits while this much has not been taken by the socket.</summary>
    public const int UnsentBytesMax = 16 << 20;

    /// <summary>A buffer that one large message has made is given back.</summary>
    public const int KeptBufferBytesMax = 1 << 20;

    public static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(5);

    /// <summary>For an answer of the broker. Without one the whole connection is given up: what it will say later fits nothing.</summary>
    public static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);

    /// <summary>For the last word of a connection that is closed on purpose.</summary>
    public static readonly TimeSpan GoodbyeTime = TimeSpan.FromSeconds(2);

    /// <summary>Something is heard from the broker at least so often, or it counts as gone after twice the time.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);
}
