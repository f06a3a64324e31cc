using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Fnq.Amqp;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Events;
using Fnq.IntegrationTests.Journeys;
using Fnq.Triggers.RabbitMq;
using Xunit;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>Row A30: messages of a user's queue whose properties were made to harm.</summary>
[Collection(Platform.Collection)]
public sealed class QueueInputTests(Platform platform, GoodFunction good) : HostileInput(platform, good)
{
    private const string Seen = "SEEN ";
    private readonly Platform _platform = platform;

    /// <summary>Prints the ids of its messages; one that is called again has failed the first time.</summary>
    private const string Code = """
        def handler(event, context):
            records = event.get("Records") or [m for q in event["rmqMessagesByQueue"].values() for m in q]
            ids = [r.get("messageId") or r["basicProperties"]["messageId"] for r in records]
            failed = [i for r, i in zip(records, ids)
                      if i.startswith("again") and not r.get("redelivered") and r.get("attributes", {}).get("ApproximateReceiveCount", "1") == "1"]
            print("SEEN " + " ".join(ids))
            return {"batchItemFailures": [{"itemIdentifier": i} for i in failed]}
        """;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A30_hostile_properties(bool isSqs) => await MemoryStaysAsync(150, async () =>
    {
        await using var users = await UserBroker.ConnectAsync(_platform.AmqpUrl);
        var queue = await users.DeclareAsync();
        var other = await users.DeclareAsync();
        var name = await Api.DeployAsync(Code);
        await MapAsync(name, queue, isSqs);
        var address = AmqpAddress.Parse(_platform.AmqpUrl);
        await using var connection = await AmqpConnection.ConnectAsync(address, "hostile", TimeProvider.System, CancellationToken.None);
        var channel = await connection.OpenChannelAsync(confirms: true);
        channel.ReadStrangers(1 << 20);
        var attacks = Attacks(queue, other).ToList();
        foreach (var (id, head) in attacks)
        {
            await channel.PublishConfirmedAsync("", queue, head.With(HeadField.MessageId, Encoding.UTF8.GetBytes(id)).Write(), "{}"u8.ToArray());
        }

        // Each is there as often as it should be: what failed comes back, whatever its headers say of it.
        var ids = attacks.Select(attack => attack.Id).ToList();
        string[] expected = [.. ids, .. ids.Where(id => id.StartsWith("again", StringComparison.Ordinal))];
        await Until.TrueAsync(
            () => SeenIds(name).SequenceEqual(expected.Order(StringComparer.Ordinal)),
            $"the function has seen {string.Join(' ', expected)}");
        await Until.TrueAsync(async () => await users.DepthAsync(queue) == 0, "the queue is empty");

        // The one copy that its publisher had the broker make; none of the way back.
        Assert.Equal(1U, await users.DepthAsync(other));
    });

    /// <summary>Nesting, forged deaths and counts, routes to other queues, and as much as a frame holds.</summary>
    private static IEnumerable<(string Id, MessageHead Head)> Attacks(string queue, string other)
    {
        yield return ("lists", Head(("deep", 'A', Nested(24_000, 'A'))));
        yield return ("again-tables", Head(("deep", 'F', Nested(15_000, 'F'))));
        yield return ("again-death", Head(("x-death", 'A', Death(queue)), ("x-first-death-queue", 'S', Encoding.UTF8.GetBytes(queue))));
        yield return ("again-count", Head((ReturnMark.CountHeader, 'S', "many"u8.ToArray()), ("x-fnq-return", 'I', [0, 0, 0, 1])));
        yield return ("huge-count", Head((ReturnMark.CountHeader, 'l', [0x7F, 255, 255, 255, 255, 255, 255, 255])));
        yield return ("again-copies", Head(("CC", 'A', [(byte)'S', .. Length(other.Length), .. Encoding.UTF8.GetBytes(other)])));
        yield return ("again-expiring", Head(("a", 'V', [])).With(HeadField.Expiration, "600000"u8.ToArray()));
        yield return ("again-largest", Head(("large", 'S', new byte[AmqpLimits.FrameBytesMax - 200])));
        yield return ("no-text", Head(("\u00fc", 'S', [0xFF, 0xFE])).With(HeadField.ContentType, [0xFF])
            .With(HeadField.ReplyTo, "amq.rabbitmq.reply-to.x"u8.ToArray()));
    }

    private static MessageHead Head(params (string Name, char Type, byte[] Value)[] headers)
    {
        var table = new ArrayBufferWriter<byte>();
        foreach (var (name, type, value) in headers)
        {
            HeaderTable.Add(table, name, type, value);
        }

        return MessageHead.Read([0, 0]).With(HeadField.Headers, table.WrittenSpan.ToArray());
    }

    /// <summary>From the inside out, each a length and what is in it.</summary>
    private static byte[] Nested(int depth, char type)
    {
        var each = type == 'A' ? 5 : 7;
        var bytes = new byte[depth * each];
        for (var level = 0; level < depth; level++)
        {
            var at = bytes.AsSpan(level * each);
            if (type == 'F')
            {
                (at[0], at[1]) = (1, (byte)'a');
                at = at[2..];
            }

            at[0] = (byte)type;
            BinaryPrimitives.WriteInt32BigEndian(at[1..], (depth - level - 1) * each);
        }

        return bytes;
    }

    /// <summary>As if the message had expired in this very queue: the broker drops what it thinks goes round.</summary>
    private static byte[] Death(string queue)
    {
        var table = new ArrayBufferWriter<byte>();
        HeaderTable.Add(table, "queue", 'S', Encoding.UTF8.GetBytes(queue));
        HeaderTable.Add(table, "reason", 'S', "expired"u8);
        HeaderTable.Add(table, "count", 1L);
        return [(byte)'F', .. Length(table.WrittenCount), .. table.WrittenSpan];
    }

    private static byte[] Length(int length)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        return bytes;
    }

    private async Task MapAsync(string name, string queue, bool isSqs)
    {
        var mapping = new JsonObject { ["FunctionName"] = name, ["FunctionResponseTypes"] = new JsonArray("ReportBatchItemFailures") };
        mapping["EventSourceArn"] = isSqs ? $"arn:aws:sqs:us-east-1:123456789012:{queue}" : "arn:aws:mq:us-east-1:123456789012:broker:b:b-1";
        if (!isSqs)
        {
            mapping["Queues"] = new JsonArray(queue);
        }

        var answer = await Api.SendJsonAsync("POST", "/2015-03-31/event-source-mappings", mapping);
        Assert.True(answer.Status == 202, answer.Text);
    }

    private IEnumerable<string> SeenIds(string name) => StoredLog.Lines(_platform, name)
        .Where(line => line.Contains(Seen, StringComparison.Ordinal))
        .SelectMany(line => line[(line.IndexOf(Seen, StringComparison.Ordinal) + Seen.Length)..].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Order(StringComparer.Ordinal);
}
