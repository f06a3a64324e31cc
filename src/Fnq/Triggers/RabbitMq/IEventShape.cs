using System.Text.Json;
using Fnq.Dispatch;

namespace Fnq.Triggers.RabbitMq;

/// <summary>How messages become an event: each a record by itself, so that a batch is closed before it is too large.</summary>
internal interface IEventShape
{
    /// <param name="message">To be shown.</param>
    /// <param name="id">That a function may name it by.</param>
    byte[] Record(QueueMessage message, string id);

    /// <summary>The event of these records.</summary>
    byte[] Event(IReadOnlyList<byte[]> records);

    /// <summary>The member of a record that holds the message's body: a filter that looks into it sees the body's JSON.</summary>
    string BodyMember { get; }
}

internal static class EventShapes
{
    public static readonly JsonWriterOptions Writing = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 64,
    };

    public static IEventShape Of(QueueMapping mapping) => mapping.Shape switch
    {
        QueueEventShape.Sqs => new SqsEvent(mapping),
        QueueEventShape.RabbitMq => new RabbitMqEvent(mapping),
        _ => throw new InvalidOperationException($"{mapping.Shape} is no shape of an event"),
    };

    /// <summary>One behind the other, with commas, between the two ends.</summary>
    public static byte[] Join(byte[] start, IReadOnlyList<byte[]> records, ReadOnlySpan<byte> end)
    {
        var joined = new byte[start.Length + records.Sum(record => record.Length) + records.Count - 1 + end.Length];
        start.CopyTo(joined, 0);
        var at = start.Length;
        for (var i = 0; i < records.Count; i++)
        {
            if (i > 0)
            {
                joined[at++] = (byte)',';
            }

            records[i].CopyTo(joined, at);
            at += records[i].Length;
        }

        end.CopyTo(joined.AsSpan(at));
        return joined;
    }
}
