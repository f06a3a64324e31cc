using System.Text;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Events;
using Fnq.IntegrationTests.Isolation;
using Fnq.IntegrationTests.Journeys;
using RabbitMQ.Client;
using Xunit;

namespace Fnq.IntegrationTests.Triggers;

/// <summary>Messages of a user's queue from the broker to the function, and back when it fails. Failed ones are there again after 1 s.</summary>
[Collection(Platform.Collection)]
public sealed class QueueListenerTests(Platform platform) : IAsyncLifetime
{
    private const string Sources = "/2015-03-31/event-source-mappings";
    private const string Seen = "SEEN ";

    /// <summary>Prints its event, and fails a message, or as a whole, when it gets it for the first time.</summary>
    private const string Code = """
        import json

        def handler(event, context):
            print("SEEN " + json.dumps(event))
            failures = []
            for record in event.get("Records", []):
                first = record["attributes"]["ApproximateReceiveCount"] == "1"
                if record["body"] == "raise" and first:
                    raise ValueError("told to")
                if record["body"] == "fail" and first:
                    failures.append({"itemIdentifier": record["messageId"]})
            return {"batchItemFailures": failures}
        """;

    private UserBroker? _users;

    public async ValueTask InitializeAsync() => _users = await UserBroker.ConnectAsync(platform.AmqpUrl);

    public ValueTask DisposeAsync() => _users!.DisposeAsync();

    [Fact]
    public async Task The_AWS_CLI_makes_a_mapping_and_messages_arrive_as_records()
    {
        var aws = platform.Cli(platform.NewFolder());
        var queue = await _users!.DeclareAsync();
        var name = await platform.Api.DeployAsync(Code);
        await PublishAsync(queue, "before");
        var made = await aws.RunAsync("lambda", "create-event-source-mapping", "--function-name", name, "--event-source-arn", ArnOf(queue), "--batch-size", "5");
        Assert.Equal(("Creating", 5), ((string?)made!["State"], (int?)made["BatchSize"]));
        await PublishAsync(queue, "after");

        var records = await RecordsAsync(name, 2);
        Assert.Equal(["after", "before"], records.Select(BodyOf).Order(StringComparer.Ordinal));
        Assert.All(records, record => Assert.Equal(("aws:sqs", ArnOf(queue), "us-east-1", "1"), (
            (string?)record["eventSource"], (string?)record["eventSourceARN"], (string?)record["awsRegion"],
            (string?)record["attributes"]!["ApproximateReceiveCount"])));
        await Until.TrueAsync(async () => await _users.DepthAsync(queue) == 0, "the queue is empty");

        var uuid = (string)made["UUID"]!;
        var got = await aws.RunAsync("lambda", "get-event-source-mapping", "--uuid", uuid);
        Assert.Equal("Enabled", (string?)got!["State"]);
        var listed = await aws.RunAsync("lambda", "list-event-source-mappings", "--function-name", name);
        Assert.Equal(uuid, (string?)Assert.Single(listed!["EventSourceMappings"]!.AsArray())!["UUID"]);
        var updated = await aws.RunAsync("lambda", "update-event-source-mapping", "--uuid", uuid, "--no-enabled");
        Assert.Equal("Disabling", (string?)updated!["State"]);
        var deleted = await aws.RunAsync("lambda", "delete-event-source-mapping", "--uuid", uuid);
        Assert.Equal("Deleting", (string?)deleted!["State"]);
        Assert.Equal(404, (await platform.Api.SendAsync("GET", $"{Sources}/{uuid}")).Status);
    }

    [Fact]
    public async Task A_message_that_is_reported_as_failed_comes_back_alone()
    {
        var (queue, name) = await MappedAsync(mapping => mapping["FunctionResponseTypes"] = new JsonArray("ReportBatchItemFailures"));
        await PublishAsync(queue, "good");
        await PublishAsync(queue, "fail");
        var records = await RecordsAsync(name, 3);
        Assert.Equal(["fail 1", "fail 2", "good 1"], records.Select(CountedOf).Order(StringComparer.Ordinal));
        var (first, second) = (records.Single(record => CountedOf(record) == "fail 1"), records.Single(record => CountedOf(record) == "fail 2"));
        Assert.Equal((string?)first["messageId"], (string?)second["messageId"]);
        Assert.Equal(
            (string?)first["attributes"]!["ApproximateFirstReceiveTimestamp"], (string?)second["attributes"]!["ApproximateFirstReceiveTimestamp"]);
        Assert.True(SeenAt(name, "fail 2") - SeenAt(name, "fail 1") > TimeSpan.FromSeconds(0.9));
        await EmptyAsync(queue);
    }

    [Fact]
    public async Task A_batch_whose_function_fails_comes_back_whole()
    {
        var (queue, name) = await MappedAsync(mapping =>
        {
            mapping["MaximumBatchingWindowInSeconds"] = 5;
            mapping["BatchSize"] = 2;
        });
        await PublishAsync(queue, "good");
        await PublishAsync(queue, "raise");
        Assert.Equal(["good 1", "good 2", "raise 1", "raise 2"], (await RecordsAsync(name, 4)).Select(CountedOf).Order(StringComparer.Ordinal));
        Assert.Equal(2, Events(name).Count);
        await EmptyAsync(queue);
    }

    [Fact]
    public async Task A_returned_message_is_what_it_was()
    {
        var (queue, name) = await MappedAsync(mapping => mapping["FunctionResponseTypes"] = new JsonArray("ReportBatchItemFailures"));
        await _users!.PublishAsync("", queue, "fail"u8.ToArray(), new BasicProperties
        {
            MessageId = "m-1", ContentType = "text/plain", Expiration = "600000", Type = "t",
            Headers = new Dictionary<string, object?>
            {
                ["text"] = "ü", ["number"] = 7, ["list"] = new List<object?> { 1, "b" }, ["bytes"] = new BinaryTableValue([1, 2]),
                ["x-death"] = new List<object?> { new Dictionary<string, object?> { ["queue"] = queue, ["reason"] = "expired", ["count"] = 3L } },
            },
        });
        var records = await RecordsAsync(name, 2);
        Assert.Equal(["m-1", "m-1"], records.Select(record => (string)record["messageId"]!));

        // A broker that hands a dead letter on may sort its headers.
        Assert.Equal(AttributesOf(records[0]), AttributesOf(records[1]));
        Assert.Equal(5, AttributesOf(records[0]).Count());
        await EmptyAsync(queue);
    }

    [Fact]
    public async Task Amazon_MQ_has_its_own_form_of_event()
    {
        var queue = await _users!.DeclareAsync();
        var name = await platform.Api.DeployAsync(Code);
        await _users.PublishAsync("", queue, [0, 255], new BasicProperties
        {
            ContentType = "application/octet-stream", Headers = new Dictionary<string, object?> { ["header1"] = "value1", ["numberInHeader"] = 10 },
        });
        const string broker = "arn:aws:mq:us-east-1:123456789012:broker:b:b-1234";
        await CreateAsync(name, mapping =>
        {
            mapping["EventSourceArn"] = broker;
            mapping["Queues"] = new JsonArray(queue);
            mapping["SourceAccessConfigurations"] = new JsonArray(new JsonObject { ["Type"] = "VIRTUAL_HOST", ["URI"] = "/" });
        });
        await Until.TrueAsync(() => Events(name).Count == 1, "the function has its event");
        var seen = Events(name)[0];
        Assert.Equal(("aws:rmq", broker), ((string?)seen["eventSource"], (string?)seen["eventSourceArn"]));
        var message = seen["rmqMessagesByQueue"]![$"{queue}::/"]![0]!;
        Assert.Equal("AP8=", (string?)message["data"]);
        Assert.Equal(
            """{"header1":{"bytes":[118,97,108,117,101,49]},"numberInHeader":10}""",
            JsonNode.Parse(message["basicProperties"]!["headers"]!.ToJsonString())!.ToJsonString());
        await EmptyAsync(queue);
    }

    [Fact]
    public async Task What_no_filter_lets_through_is_gone_and_not_seen()
    {
        var (queue, name) = await MappedAsync(mapping => mapping["FilterCriteria"] = JsonNode.Parse(
            """{"Filters":[{"Pattern":"{\"body\":{\"kind\":[\"order\",{\"prefix\":\"x\"}],\"amount\":[{\"numeric\":[\">\",10]}]}}"}]}"""));
        foreach (var body in (string[])["""{"kind":"order","amount":1}""", "no json", """{"kind":"other","amount":11}""", """{"kind":"xy","amount":10.5}"""])
        {
            await PublishAsync(queue, body);
        }

        await EmptyAsync(queue);
        Assert.Equal(["""{"kind":"xy","amount":10.5}"""], (await RecordsAsync(name, 1)).Select(BodyOf));
    }

    [Fact]
    public async Task A_disabled_mapping_leaves_messages_where_they_are()
    {
        var (queue, name) = await MappedAsync(mapping => mapping["Enabled"] = false);
        var uuid = await UuidOfAsync(name);
        Assert.Equal("Disabled", (string?)(await platform.Api.SendAsync("GET", $"{Sources}/{uuid}")).Json!["State"]);
        await PublishAsync(queue, "one");
        var enabled = await platform.Api.SendJsonAsync("PUT", $"{Sources}/{uuid}", new JsonObject { ["Enabled"] = true });
        Assert.Equal((202, "Enabling"), (enabled.Status, (string?)enabled.Json!["State"]));
        Assert.Equal(["one"], (await RecordsAsync(name, 1)).Select(BodyOf));

        // When the queue has no consumer, nothing of it can come.
        Assert.Equal(202, (await platform.Api.SendAsync("DELETE", $"{Sources}/{uuid}")).Status);
        await Until.TrueAsync(() => platform.Server.Log.Contains($"No longer listening to the queue {queue}", StringComparison.Ordinal), "the listener ends");
        await Until.TrueAsync(
            async () =>
            {
                await PublishAsync(queue, "late");
                return await _users!.DepthAsync(queue) > 0;
            },
            "messages stay in the queue");
    }

    [Fact]
    public async Task A_message_that_fits_into_no_event_holds_up_no_other_and_is_not_lost()
    {
        var (queue, name) = await MappedAsync();
        await _users!.PublishAsync("", queue, new byte[7 << 20]);
        await _users.PublishAsync("", queue, new byte[5 << 20]); // In base64 it is too large.
        await PublishAsync(queue, "small");
        Assert.Equal(["small"], (await RecordsAsync(name, 1)).Select(BodyOf));
        await Until.TrueAsync(
            async () => (await platform.VerbAsync(["triggers"])).Checked.Split('\n').Any(line =>
                line.Contains(queue, StringComparison.Ordinal) && line.Contains("is too large for an event", StringComparison.Ordinal)),
            "fnq triggers tells why");
        var uuid = await UuidOfAsync(name);
        Assert.Equal(202, (await platform.Api.SendAsync("DELETE", $"{Sources}/{uuid}")).Status);
        await Until.TrueAsync(async () => await _users.DepthAsync(queue) == 2, "both are in the queue again");
    }

    [Fact]
    public async Task A_queue_that_is_made_again_is_listened_to_again()
    {
        var (queue, name) = await MappedAsync();
        await PublishAsync(queue, "one");
        await RecordsAsync(name, 1);
        await _users!.DeleteAsync(queue);
        await Until.TrueAsync(() => platform.Server.Log.Contains($"The queue {queue} of event source mapping", StringComparison.Ordinal), "the listener has no queue");
        await _users.DeclareAgainAsync(queue);
        await PublishAsync(queue, "two");
        Assert.Equal(["one", "two"], (await RecordsAsync(name, 2)).Select(BodyOf));
    }

    private static string ArnOf(string queue) => $"arn:aws:sqs:us-east-1:123456789012:{queue}";

    private static string BodyOf(JsonNode record) => (string)record["body"]!;

    private static IEnumerable<string> AttributesOf(JsonNode record) =>
        record["messageAttributes"]!.AsObject().Select(pair => $"{pair.Key} {pair.Value!.ToJsonString()}").Order(StringComparer.Ordinal);

    private static string CountedOf(JsonNode record) => $"{BodyOf(record)} {record["attributes"]!["ApproximateReceiveCount"]}";

    private ValueTask PublishAsync(string queue, string body) => _users!.PublishAsync("", queue, Encoding.UTF8.GetBytes(body));

    private async Task<(string Queue, string Function)> MappedAsync(Action<JsonObject>? configure = null)
    {
        var queue = await _users!.DeclareAsync();
        var name = await platform.Api.DeployAsync(Code);
        await CreateAsync(name, mapping =>
        {
            mapping["EventSourceArn"] = ArnOf(queue);
            configure?.Invoke(mapping);
        });
        return (queue, name);
    }

    private async Task CreateAsync(string name, Action<JsonObject> configure)
    {
        var mapping = new JsonObject { ["FunctionName"] = name };
        configure(mapping);
        var answer = await platform.Api.SendJsonAsync("POST", Sources, mapping);
        Assert.True(answer.Status == 202, answer.Text);
    }

    private async Task<string> UuidOfAsync(string name) =>
        (string)(await platform.Api.SendAsync("GET", $"{Sources}/?FunctionName={name}")).Json!["EventSourceMappings"]![0]!["UUID"]!;

    /// <summary>What the function has printed, event by event.</summary>
    private List<JsonNode> Events(string name) =>
        [.. StoredLog.Lines(platform, name).Where(line => line.Contains(Seen, StringComparison.Ordinal)).Select(Parse)];

    private List<JsonNode> Records(string name) => [.. Events(name).SelectMany(seen => seen["Records"]!.AsArray()).Select(record => record!)];

    private async Task<List<JsonNode>> RecordsAsync(string name, int count)
    {
        await Until.TrueAsync(() => Records(name).Count >= count, $"{name} has seen {count} messages");
        var records = Records(name);
        Assert.Equal(count, records.Count);
        return records;
    }

    private TimeSpan SeenAt(string name, string counted)
    {
        var line = StoredLog.Lines(platform, name).First(line =>
            line.Contains(Seen, StringComparison.Ordinal) && Parse(line)["Records"]!.AsArray().Any(record => CountedOf(record!) == counted));
        return TimeSpan.FromMilliseconds(long.Parse(line[1..].Split(' ')[0]));
    }

    private static JsonNode Parse(string line) => JsonNode.Parse(line[(line.IndexOf(Seen, StringComparison.Ordinal) + Seen.Length)..])!;

    /// <summary>Neither in the queue nor on the way back to it.</summary>
    private async Task EmptyAsync(string queue) => await Until.TrueAsync(async () => await _users!.DepthAsync(queue) == 0, "the queue is empty");
}
