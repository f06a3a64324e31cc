using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Fnq.Dispatch;

namespace Fnq.Triggers.RabbitMq;

/// <summary>Events of <c>aws:rmq</c> (lambda-api section 7).</summary>
internal sealed class RabbitMqEvent(QueueMapping mapping) : IEventShape
{
    private readonly byte[] _start = Encoding.UTF8.GetBytes(
        $"{{\"eventSource\":\"aws:rmq\",\"eventSourceArn\":\"{mapping.SourceArn}\","
        + $"\"rmqMessagesByQueue\":{{\"{JsonEncodedText.Encode(mapping.Queue, EventShapes.Writing.Encoder)}::/\":[");

    public string BodyMember => "data";

    public byte[] Event(IReadOnlyList<byte[]> records) => EventShapes.Join(_start, records, "]}}"u8);

    public byte[] Record(QueueMessage message, string id)
    {
        var to = new ArrayBufferWriter<byte>(512 + (message.Body.Length * 4 / 3));
        using (var json = new Utf8JsonWriter(to, EventShapes.Writing))
        {
            json.WriteStartObject();
            json.WriteStartObject("basicProperties");
            WriteProperties(json, message, id);
            json.WriteEndObject();
            json.WriteBoolean("redelivered", message.Delivered.Redelivered || message.Mark.Returns > 0);
            json.WriteBase64String("data", message.Body.Span);
            json.WriteEndObject();
        }

        return to.WrittenSpan.ToArray();
    }

    /// <summary>What a message has not is null. Only a function that names messages needs an id of each.</summary>
    private void WriteProperties(Utf8JsonWriter json, QueueMessage message, string id)
    {
        WriteText(json, "contentType", message, HeadField.ContentType);
        WriteText(json, "contentEncoding", message, HeadField.ContentEncoding);
        json.WritePropertyName("headers");
        HeaderJson.WriteTable(json, message.Headers);
        WriteOctet(json, "deliveryMode", message, HeadField.DeliveryMode);
        WriteOctet(json, "priority", message, HeadField.Priority);
        WriteText(json, "correlationId", message, HeadField.CorrelationId);
        WriteText(json, "replyTo", message, HeadField.ReplyTo);
        WriteText(json, "expiration", message, HeadField.Expiration);
        json.WriteString("messageId", mapping.ReportsBatchItemFailures ? id : message.Head?.Text(HeadField.MessageId));
        json.WriteString("timestamp", message.Head?[HeadField.Timestamp] is { } at ? HeaderJson.Date(BinaryPrimitives.ReadUInt64BigEndian(at)) : null);
        WriteText(json, "type", message, HeadField.Type);
        WriteText(json, "userId", message, HeadField.UserId);
        WriteText(json, "appId", message, HeadField.AppId);
        WriteText(json, "clusterId", message, HeadField.ClusterId);
        json.WriteNumber("bodySize", message.Body.Length);
    }

    private static void WriteText(Utf8JsonWriter json, string name, QueueMessage message, HeadField field) =>
        json.WriteString(name, message.Head?.Text(field));

    private static void WriteOctet(Utf8JsonWriter json, string name, QueueMessage message, HeadField field)
    {
        if (message.Head?[field] is [var octet])
        {
            json.WriteNumber(name, octet);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
