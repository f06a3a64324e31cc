using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Fnq.Dispatch;
using Fnq.Triggers.RabbitMq;
using Xunit;

namespace Fnq.Tests.Triggers.RabbitMq;

/// <summary>The two forms of event, byte for byte.</summary>
public sealed class EventShapeTests
{
    private static readonly byte[] Headers = Samples.Table(
        ("header1", 'S', Samples.Text("value1")), ("numberInHeader", 'I', [0, 0, 0, 10]), ("on", 't', [1]), ("nothing", 'V', []),
        ("at", 'T', Seconds(2_021)), ("price", 'D', [2, 0, 0, 0, 150]), ("raw", 'x', [1, 2]),
        ("list", 'A', [(byte)'b', 0xFF, (byte)'S', 0, 0, 0, 1, (byte)'x']), ("table", 'F', Samples.Table(("deep", 'd', BigEndian(1.5)))));

    [Fact]
    public void Amazon_MQ_event()
    {
        var shape = EventShapes.Of(Samples.Mapping(QueueEventShape.RabbitMq));
        var full = Samples.Message(Samples.Head(
            (HeadField.ContentType, Samples.Text("text/plain")), (HeadField.Headers, Headers), (HeadField.DeliveryMode, [1]), (HeadField.Priority, [34]),
            (HeadField.Expiration, Samples.Text("60000")), (HeadField.Timestamp, Seconds(2_021)), (HeadField.UserId, Samples.Text("me"))), "hi");
        var bare = Samples.Message(Samples.Head(), "");
        const string expected = """
            {"eventSource":"aws:rmq","eventSourceArn":"arn:aws:mq:us-east-1:123456789012:broker:b:b-1","rmqMessagesByQueue":{"q::/":[
            {"basicProperties":{"contentType":"text/plain","contentEncoding":null,"headers":{"header1":{"bytes":[118,97,108,117,101,49]},
            "numberInHeader":10,"on":true,"nothing":null,"at":"Jan 1, 1970, 12:33:41 AM","price":150e-2,"raw":"AQI=","list":[-1,{"bytes":[120]}],
            "table":{"deep":1.5}},"deliveryMode":1,"priority":34,"correlationId":null,"replyTo":null,"expiration":"60000","messageId":null,
            "timestamp":"Jan 1, 1970, 12:33:41 AM","type":null,"userId":"me","appId":null,"clusterId":null,"bodySize":2},
            "redelivered":false,"data":"aGk="},
            {"basicProperties":{"contentType":null,"contentEncoding":null,"headers":{},"deliveryMode":null,"priority":null,"correlationId":null,
            "replyTo":null,"expiration":null,"messageId":null,"timestamp":null,"type":null,"userId":null,"appId":null,"clusterId":null,"bodySize":0},
            "redelivered":false,"data":""}]}}
            """;
        Assert.Equal(
            expected.ReplaceLineEndings(""),
            Encoding.UTF8.GetString(shape.Event([shape.Record(full, "1"), shape.Record(bare, "2")])));
    }

    [Fact]
    public void Sqs_event()
    {
        var shape = EventShapes.Of(Samples.Mapping());
        var message = Samples.Message(Samples.Head((HeadField.MessageId, Samples.Text("m-1")), (HeadField.Timestamp, Seconds(1_600_000_000))), "h\"ü");
        const string expected = """
            {"Records":[{"messageId":"m-1","receiptHandle":"MTExMTExMTEtMjIyMi0zMzMzLTQ0NDQtNTU1NTU1NTU1NTU1LzEvbS0x","body":"h\"ü","attributes":
            {"ApproximateReceiveCount":"1","SentTimestamp":"1600000000000","SenderId":"anonymous","ApproximateFirstReceiveTimestamp":"1700000000123"},
            "messageAttributes":{},"md5OfBody":"MD5","eventSource":"aws:sqs",
            "eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:q","awsRegion":"us-east-1"}]}
            """;
        Assert.Equal(
            expected.ReplaceLineEndings("").Replace("MD5", SqsEvent.Md5(Samples.Text("h\"ü")), StringComparison.Ordinal),
            Encoding.UTF8.GetString(shape.Event([shape.Record(message, message.Id)])));
    }

    [Fact]
    public void Sqs_attributes_are_the_headers()
    {
        var record = RecordOf(Samples.Message(Samples.Head((HeadField.Headers, Headers))));
        var attributes = record.GetProperty("messageAttributes");
        Assert.Equal("""{"stringValue":"value1","stringListValues":[],"binaryListValues":[],"dataType":"String"}""", attributes.GetProperty("header1").GetRawText());
        Assert.Equal("""{"stringValue":"10","stringListValues":[],"binaryListValues":[],"dataType":"Number"}""", attributes.GetProperty("numberInHeader").GetRawText());
        Assert.Equal("""{"binaryValue":"AQI=","stringListValues":[],"binaryListValues":[],"dataType":"Binary"}""", attributes.GetProperty("raw").GetRawText());
        Assert.Equal("""[-1,{"bytes":[120]}]""", attributes.GetProperty("list").GetProperty("stringValue").GetString());
    }

    /// <summary>Computed by botocore's own rule for one attribute: lengths as four bytes, big-endian.</summary>
    [Fact]
    public void Sqs_digest_of_attributes() => Assert.Equal(
        SqsEvent.Md5([0, 0, 0, 1, (byte)'k', 0, 0, 0, 6, .. "String"u8, 1, 0, 0, 0, 2, .. "ab"u8]), SqsAttribute.Digest([new("k", "String", "ab", null)]));

    [Fact]
    public void A_body_that_is_no_text_is_in_base64_and_says_so()
    {
        var message = QueueMessage.Read(Samples.Delivered(Samples.Head(), [0xFF, 0x00]), "q", Samples.Now);
        var record = RecordOf(message);
        Assert.Equal("/wA=", record.GetProperty("body").GetString());
        Assert.Equal("base64", record.GetProperty("messageAttributes").GetProperty(SqsEvent.EncodingAttribute).GetProperty("stringValue").GetString());
    }

    [Theory]
    [InlineData('F')]
    [InlineData('A')]
    public void Headers_as_deep_as_a_frame_allows_harm_nobody(char type)
    {
        var value = new List<byte>();
        for (var depth = 0; depth < 18_000; depth++)
        {
            value.InsertRange(0, type == 'F' ? (byte[])[1, (byte)'a', (byte)'F', .. Length(value.Count)] : [(byte)'A', .. Length(value.Count)]);
        }

        var message = Samples.Message(Samples.Head((HeadField.Headers, Samples.Table(("deep", type, [.. value])))));
        foreach (var shape in (QueueEventShape[])[QueueEventShape.Sqs, QueueEventShape.RabbitMq])
        {
            using var record = JsonDocument.Parse(EventShapes.Of(Samples.Mapping(shape)).Record(message, "1"));
        }

        Assert.Equal(2, Samples.Returned(message).Receives);
    }

    private static byte[] Length(int length)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        return bytes;
    }

    private static JsonElement RecordOf(QueueMessage message)
    {
        using var document = JsonDocument.Parse(EventShapes.Of(Samples.Mapping()).Record(message, message.Id));
        return document.RootElement.Clone();
    }

    private static byte[] Seconds(ulong seconds)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, seconds);
        return bytes;
    }

    private static byte[] BigEndian(double number)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteDoubleBigEndian(bytes, number);
        return bytes;
    }
}
