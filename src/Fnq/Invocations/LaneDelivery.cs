using Fnq.Dispatch;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

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

/// <summary>One message of a lane or of the cold queue, with the channel that wants its ack.</summary>
internal sealed record LaneDelivery(
    IChannel Channel, ulong Tag, InvocationRequest Request, bool Redelivered, string? ReplyTo, string? CorrelationId)
{
    public static LaneDelivery From(IChannel channel, BasicDeliverEventArgs delivery) => new(
        channel,
        delivery.DeliveryTag,
        // The client's buffer is taken back when the callback returns, and the run goes on after that.
        InvocationWire.DecodeRequest(delivery.Body.ToArray()),
        delivery.Redelivered,
        delivery.BasicProperties.ReplyTo,
        delivery.BasicProperties.CorrelationId);

    public static DeliveryDecision Decide(bool redelivered, DateTimeOffset startDeadline, DateTimeOffset now) =>
        redelivered ? DeliveryDecision.ReportRedelivered
        : startDeadline <= now ? DeliveryDecision.Drop
        : DeliveryDecision.Run;

    public ValueTask AckAsync() => Channel.BasicAckAsync(Tag, multiple: false);
}
