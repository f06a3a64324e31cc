using Fnq.Amqp;

namespace Fnq.Triggers.RabbitMq;

/// <summary>A message of a user's queue, with its properties as their publisher set them.</summary>
internal sealed class QueueMessage
{
    private QueueMessage(AmqpMessage delivered, MessageHead? head, IReadOnlyList<HeaderEntry> headers, ReturnMark mark)
    {
        (Delivered, Head, Headers, Mark) = (delivered, head, headers, mark);
        Id = head?.Text(HeadField.MessageId) is { Length: > 0 } own ? own : mark.Id;
    }

    public AmqpMessage Delivered { get; }

    /// <summary>Null when nobody can read it; such a message cannot be published again.</summary>
    public MessageHead? Head { get; }

    /// <summary>Of its publisher and of the broker; Fnq's own are not among them.</summary>
    public IReadOnlyList<HeaderEntry> Headers { get; }

    /// <summary>What is known of earlier deliveries.</summary>
    public ReturnMark Mark { get; }

    /// <summary>Of its publisher, or made up at the first delivery and then kept.</summary>
    public string Id { get; }

    /// <summary>This delivery included. What a lost connection gave back is not counted.</summary>
    public int Receives => Mark.Returns + 1;

    public ReadOnlyMemory<byte> Body => Delivered.Body;

    /// <param name="delivered">As it came, of a channel that reads strangers' messages.</param>
    /// <param name="queue">That it came from.</param>
    /// <param name="now">The time of its first delivery, if this is the first.</param>
    public static QueueMessage Read(AmqpMessage delivered, string queue, DateTimeOffset now)
    {
        try
        {
            var head = MessageHead.Read(delivered.Head.Span);
            var headers = HeaderTable.Read(head[HeadField.Headers] ?? []);
            var mark = ReturnMark.Read(headers, queue, now);
            return new(delivered, mark.Restore(head), mark.Restore(headers), mark);
        }
        catch (FormatException)
        {
            return new(delivered, null, [], ReturnMark.First(queue, now));
        }
    }
}
