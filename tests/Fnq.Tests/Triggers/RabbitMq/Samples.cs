using System.Buffers;
using System.Text;
using Fnq.Amqp;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Triggers.RabbitMq;

namespace Fnq.Tests.Triggers.RabbitMq;

internal static class Samples
{
    public static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123);
    private static readonly byte[] NoProperties = [0, 0];

    public static QueueMapping Mapping(QueueEventShape shape = QueueEventShape.Sqs) => new()
    {
        Id = Guid.Parse("11111111-2222-3333-4444-555555555555"),
        Revision = 1,
        Function = new FunctionKey("123456789012", "us-east-1", "f"),
        Shape = shape,
        SourceArn = shape == QueueEventShape.Sqs ? "arn:aws:sqs:us-east-1:123456789012:q" : "arn:aws:mq:us-east-1:123456789012:broker:b:b-1",
        Queue = "q",
        BatchSize = 3,
        Concurrency = 10,
    };

    public static MessageHead Head(params (HeadField Field, byte[] Value)[] values) =>
        values.Aggregate(MessageHead.Read(NoProperties), (head, each) => head.With(each.Field, each.Value));

    public static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    public static byte[] Table(params (string Name, char Type, byte[] Value)[] entries)
    {
        var to = new ArrayBufferWriter<byte>();
        foreach (var (name, type, value) in entries)
        {
            HeaderTable.Add(to, name, type, value);
        }

        return to.WrittenSpan.ToArray();
    }

    public static AmqpMessage Delivered(MessageHead head, byte[] body, ulong tag = 1) => new(tag, false, AmqpProperties.None, body) { Head = head.Write() };

    public static QueueMessage Message(MessageHead head, string body = "body") => QueueMessage.Read(Delivered(head, Text(body)), "q", Now);

    /// <summary>As it comes when it was returned and its time was over, with what the broker then adds.</summary>
    public static QueueMessage Returned(QueueMessage message, string queue = "q")
    {
        var head = MessageHead.Read(message.Mark.Write(message.Head!, message.Headers));
        var headers = (byte[])[.. head[HeadField.Headers]!, .. Table(("x-death", 'A', []), ("x-first-death-queue", 'S', Text("fnq.return.q.30")))];
        return QueueMessage.Read(Delivered(head.With(HeadField.Headers, headers), message.Body.ToArray(), tag: 2), queue, Now + TimeSpan.FromSeconds(30));
    }
}
