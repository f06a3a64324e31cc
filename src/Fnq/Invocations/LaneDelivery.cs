using Fnq.Amqp;
using Fnq.Dispatch;

namespace Fnq.Invocations;

/// <summary>What to do with a message before any environment is looked for.</summary>
internal enum DeliveryDecision
{
    Run,

    /// <summary>Another worker had it; whether it ran there only its caller can say.</summary>
    ReportRedelivered,

    /// <summary>Its start deadline has passed: nobody waits for it as a run any more.</summary>
    Drop,
}

/// <summary>One request of a lane or of the cold queue, with the channel that wants its ack.</summary>
internal sealed record LaneDelivery(AmqpChannel Channel, AmqpMessage Message, InvocationRequest Request)
{
    public bool Redelivered => Message.Redelivered;

    public string? ReplyTo => Message.Properties.ReplyTo;

    public string? CorrelationId => Message.Properties.CorrelationId;

    /// <exception cref="FormatException">It is no request.</exception>
    public static LaneDelivery From(AmqpChannel channel, AmqpMessage message) => new(channel, message, InvocationWire.DecodeRequest(message.Body));

    public static DeliveryDecision Decide(bool redelivered, DateTimeOffset startDeadline, DateTimeOffset now) =>
        redelivered ? DeliveryDecision.ReportRedelivered
        : startDeadline <= now ? DeliveryDecision.Drop
        : DeliveryDecision.Run;

    public ValueTask AckAsync() => Channel.AckAsync(Message.DeliveryTag);
}
