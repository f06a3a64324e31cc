using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Fnq.Dispatch;

namespace Fnq.Triggers.RabbitMq;

/// <summary>Events of <c>aws:sqs</c> (lambda-api section 7).</summary>
internal sealed class SqsEvent(QueueMapping mapping) : IEventShape
{
    /// <summary>Tells of a body that is no text: then it is in base64.</summary>
    public const string EncodingAttribute = "x-fnq-body-encoding";
    private static readonly byte[] Start = "{\"Records\":["u8.ToArray();

    public string BodyMember => "body";

    public byte[] Event(IReadOnlyList<byte[]> records) => EventShapes.Join(Start, records, "]}"u8);

    public byte[] Record(QueueMessage message, string id)
    {
        var isText = Utf8.IsValid(message.Body.Span);
        var body = isText ? message.Body : Encoding.ASCII.GetBytes(Convert.ToBase64String(message.Body.Span));
        var attributes = SqsAttribute.Of(message.Headers);
        if (!isText)
        {
            attributes.Add(new(EncodingAttribute, "String", "base64", null));
        }

        var to = new ArrayBufferWriter<byte>(768 + body.Length);
        using (var json = new Utf8JsonWriter(to, EventShapes.Writing))
        {
            json.WriteStartObject();
            json.WriteString("messageId", id);
            json.WriteBase64String("receiptHandle", Encoding.UTF8.GetBytes($"{mapping.Id}/{message.Delivered.DeliveryTag}/{id}"));
            json.WriteString("body", body.Span);
            WriteOwn(json, message);
            SqsAttribute.WriteAll(json, attributes);
            json.WriteString("md5OfBody", Md5(body.Span));
            json.WriteString("eventSource", "aws:sqs");
            json.WriteString("eventSourceARN", mapping.SourceArn);
            json.WriteString("awsRegion", mapping.Function.Region);
            json.WriteEndObject();
        }

        return to.WrittenSpan.ToArray();
    }

    /// <summary>Not for secrecy: AWS's clients check bodies by it.</summary>
#pragma warning disable CA5351
    public static string Md5(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(MD5.HashData(bytes));
#pragma warning restore CA5351

    private static void WriteOwn(Utf8JsonWriter json, QueueMessage message)
    {
        var first = message.Mark.FirstReceivedAt;
        var sent = message.Head?[HeadField.Timestamp] is { } at && BinaryPrimitives.ReadUInt64BigEndian(at) is var seconds and <= uint.MaxValue
            ? (long)seconds * 1_000
            : first;
        json.WriteStartObject("attributes");
        json.WriteString("ApproximateReceiveCount", (message.Receives + (message.Delivered.Redelivered ? 1 : 0)).ToString(CultureInfo.InvariantCulture));
        json.WriteString("SentTimestamp", sent.ToString(CultureInfo.InvariantCulture));
        json.WriteString("SenderId", message.Head?.Text(HeadField.UserId) ?? message.Head?.Text(HeadField.AppId) ?? "anonymous");
        json.WriteString("ApproximateFirstReceiveTimestamp", first.ToString(CultureInfo.InvariantCulture));
        json.WriteEndObject();
    }
}

/// <summary>A header as a message attribute of SQS: a text, a number or bytes. What is nested is its JSON.</summary>
/// <param name="Bytes">Of a binary one, which has no text.</param>
internal sealed record SqsAttribute(string Name, string Type, string? Text, byte[]? Bytes)
{
    private const byte TextTransport = 1;
    private const byte BinaryTransport = 2;

    /// <summary>Each name once, the first of it.</summary>
    public static List<SqsAttribute> Of(IReadOnlyList<HeaderEntry> headers) =>
        [.. headers.DistinctBy(header => header.Name, StringComparer.Ordinal).Where(header => header.Name.Length > 0).Select(Of)];

    public static void WriteAll(Utf8JsonWriter json, IReadOnlyList<SqsAttribute> attributes)
    {
        json.WriteStartObject("messageAttributes");
        foreach (var attribute in attributes)
        {
            json.WriteStartObject(attribute.Name);
            if (attribute.Bytes is { } bytes)
            {
                json.WriteBase64String("binaryValue", bytes);
            }
            else
            {
                json.WriteString("stringValue", attribute.Text);
            }

            json.WriteStartArray("stringListValues");
            json.WriteEndArray();
            json.WriteStartArray("binaryListValues");
            json.WriteEndArray();
            json.WriteString("dataType", attribute.Type);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        if (attributes.Count > 0)
        {
            json.WriteString("md5OfMessageAttributes", Digest(attributes));
        }
    }

    /// <summary>As SQS computes it: by name, each part with its length before it.</summary>
    public static string Digest(IReadOnlyList<SqsAttribute> attributes)
    {
        var all = new ArrayBufferWriter<byte>();
        foreach (var attribute in attributes.OrderBy(attribute => attribute.Name, StringComparer.Ordinal))
        {
            Put(all, Encoding.UTF8.GetBytes(attribute.Name));
            Put(all, Encoding.UTF8.GetBytes(attribute.Type));
            all.Write([attribute.Bytes is null ? TextTransport : BinaryTransport]);
            Put(all, attribute.Bytes ?? Encoding.UTF8.GetBytes(attribute.Text!));
        }

        return SqsEvent.Md5(all.WrittenSpan);
    }

    private static SqsAttribute Of(HeaderEntry header) => header.Value switch
    {
        { Type: 'S', Text: { } text } => new(header.Name, "String", text, null),
        { Type: 'x', Bytes: var bytes } => new(header.Name, "Binary", null, bytes.ToArray()),
        { Whole: { } whole } => new(header.Name, "Number", whole.ToString(CultureInfo.InvariantCulture), null),
        { Type: 'f' or 'd' or 'D' } => new(header.Name, "Number", JsonOf(header.Value).Trim('"'), null),
        { Type: 'T', Bytes: var at } => new(header.Name, "Number", BinaryPrimitives.ReadUInt64BigEndian(at.Span).ToString(CultureInfo.InvariantCulture), null),
        _ => new(header.Name, "String", JsonOf(header.Value), null),
    };

    private static string JsonOf(HeaderValue value)
    {
        var to = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(to, EventShapes.Writing))
        {
            HeaderJson.Write(json, value);
        }

        return Encoding.UTF8.GetString(to.WrittenSpan);
    }

    private static void Put(ArrayBufferWriter<byte> to, ReadOnlySpan<byte> part)
    {
        BinaryPrimitives.WriteInt32BigEndian(to.GetSpan(sizeof(int)), part.Length);
        to.Advance(sizeof(int));
        to.Write(part);
    }
}
