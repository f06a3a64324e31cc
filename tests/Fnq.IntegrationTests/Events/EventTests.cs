using System.Text;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Fnq.Invocations.Events;
using Fnq.Storage;
using Npgsql;
using Xunit;

namespace Fnq.IntegrationTests.Events;

/// <summary>Asynchronous invocations from the request to the outcome and whoever hears of it.</summary>
[Collection(Platform.Collection)]
public sealed class EventTests(Platform platform) : IAsyncLifetime
{
    private const string Account = "123456789012";
    private static readonly Dictionary<string, string> AsEvent = new() { ["X-Amz-Invocation-Type"] = "Event" };

    private const string Code = """
        def handler(event, context):
            if event.get("fail"):
                raise ValueError("told to")
            return {"id": context.aws_request_id, "event": event}
        """;

    private UserBroker? _users;
    private NpgsqlDataSource? _source;

    public async ValueTask InitializeAsync()
    {
        _users = await UserBroker.ConnectAsync(platform.AmqpUrl);
        _source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(platform.PostgresUrl));
    }

    public async ValueTask DisposeAsync()
    {
        await _users!.DisposeAsync();
        await _source!.DisposeAsync();
    }

    [Fact]
    public async Task An_event_is_answered_202_without_a_body_and_runs_under_the_id_of_the_answer()
    {
        var (queue, arrived) = await _users!.NewQueueAsync();
        var name = await platform.Api.DeployAsync(Code);
        await PutConfigAsync(name, new JsonObject { ["OnSuccess"] = Destination(QueueArn(queue)) });
        var answer = await platform.Api.InvokeAsync(name, """{"order": 7.50}""", AsEvent);
        Assert.Equal((202, 0), (answer.Status, answer.Body.Length));
        Assert.DoesNotContain("X-Amz-Executed-Version", answer.Headers.Keys, StringComparer.OrdinalIgnoreCase);

        var record = await UserBroker.OneAsync(arrived);
        Assert.Equal(answer.RequestId, record.MessageId);
        Assert.Equal(answer.RequestId, (string?)record.Json["responsePayload"]!["id"]);
        Assert.Equal(answer.RequestId, (string?)record.Json["requestContext"]!["requestId"]);
        Assert.Equal(("Success", 1), ((string?)record.Json["requestContext"]!["condition"], (int?)record.Json["requestContext"]!["approximateInvokeCount"]));
        Assert.Equal($"arn:aws:lambda:us-east-1:{Account}:function:{name}:$LATEST", (string?)record.Json["requestContext"]!["functionArn"]);
        Assert.Contains("7.50", record.Body, StringComparison.Ordinal);

        var outcome = await OutcomeAsync(answer.RequestId);
        Assert.Equal(("succeeded", "Success", 1, (string?)null), (outcome.State, outcome.Condition, outcome.Attempts, outcome.DeliveryError));
        Assert.Equal(name, outcome.Function.Name);
    }

    [Fact]
    public async Task A_failure_reaches_its_destination_and_the_dead_letter_queue()
    {
        var topic = $"topic-{Guid.NewGuid():N}";
        var (_, failures) = await _users!.NewQueueAsync(topic);
        var (queue, letters) = await _users.NewQueueAsync();
        var name = await platform.Api.DeployAsync(Code, request => request["DeadLetterConfig"] = new JsonObject { ["TargetArn"] = QueueArn(queue) });
        await PutConfigAsync(name, new JsonObject { ["OnFailure"] = Destination($"arn:aws:sns:us-east-1:{Account}:{topic}") }, retries: 0);
        var answer = await platform.Api.InvokeAsync(name, """{"fail": true}""", AsEvent);
        Assert.Equal(202, answer.Status);

        var record = await UserBroker.OneAsync(failures);
        Assert.Equal("RetriesExhausted", (string?)record.Json["requestContext"]!["condition"]);
        Assert.Equal("Unhandled", (string?)record.Json["responseContext"]!["functionError"]);
        Assert.Equal("told to", (string?)record.Json["responsePayload"]!["errorMessage"]);
        var letter = await UserBroker.OneAsync(letters);
        Assert.Equal("""{"fail": true}""", letter.Body);
        Assert.Equal((answer.RequestId, "200", "told to"), (letter.Headers["RequestID"], letter.Headers["ErrorCode"], letter.Headers["ErrorMessage"]));

        var outcome = await OutcomeAsync(answer.RequestId);
        Assert.Equal(("failed", "RetriesExhausted", 1, "told to"), (outcome.State, outcome.Condition, outcome.Attempts, outcome.Error));
    }

    [Fact]
    public async Task An_error_may_be_any_text()
    {
        var name = await platform.Api.DeployAsync("def handler(event, context):\n    raise ValueError('a\\ud800\\x00' + 'b' * 5000)\n");
        await PutConfigAsync(name, new JsonObject(), retries: 0);
        var outcome = await OutcomeAsync((await platform.Api.InvokeAsync(name, "{}", AsEvent)).RequestId);
        Assert.StartsWith("a?\uFFFDbbb", outcome.Error, StringComparison.Ordinal);
        Assert.InRange(outcome.Error!.Length, 1_000, 1_024);
    }

    /// <summary>Node writes half a character as an escape, which no text of .NET can hold.</summary>
    [Fact]
    public async Task An_error_with_half_a_character_ends_its_event_too()
    {
        var name = await platform.Api.DeployAsync(
            "export const handler = async () => { throw new Error('a\\ud800b'); };", runtime: "nodejs20.x", file: "index.mjs", handler: "index.handler");
        await PutConfigAsync(name, new JsonObject(), retries: 0);
        var outcome = await OutcomeAsync((await platform.Api.InvokeAsync(name, "{}", AsEvent)).RequestId);
        Assert.Equal(("failed", "RetriesExhausted", 1), (outcome.State, outcome.Condition, outcome.Attempts));
        Assert.Contains("\\ud800b", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_function_that_fails_waits_a_minute_for_its_next_attempt()
    {
        var name = await platform.Api.DeployAsync(Code);
        var answer = await platform.Api.InvokeAsync(name, """{"fail": true}""", AsEvent);
        await Until.TrueAsync(async () => await FindAsync(answer.RequestId) is { State: EventOutcome.Waiting }, "the event waits");
        var waiting = (await FindAsync(answer.RequestId))!;
        Assert.Equal((1, (string?)null, "told to"), (waiting.Attempts, waiting.Condition, waiting.Error));
        Assert.InRange((waiting.RetryAt!.Value - waiting.UpdatedAt).TotalSeconds, 59, 61);
    }

    [Fact]
    public async Task An_event_that_would_be_too_old_for_its_next_attempt_ends_with_this_one()
    {
        var (queue, arrived) = await _users!.NewQueueAsync();
        var name = await platform.Api.DeployAsync(Code);
        await PutConfigAsync(name, new JsonObject { ["OnFailure"] = Destination(QueueArn(queue)) }, ageSeconds: 60);
        var answer = await platform.Api.InvokeAsync(name, """{"fail": true}""", AsEvent);
        var record = await UserBroker.OneAsync(arrived);
        Assert.Equal("EventAgeExceeded", (string?)record.Json["requestContext"]!["condition"]);
        var outcome = await OutcomeAsync(answer.RequestId);
        Assert.Equal(("expired", "EventAgeExceeded", 1), (outcome.State, outcome.Condition, outcome.Attempts));
    }

    /// <summary>With --long: it waits for the real times.</summary>
    [Fact]
    public async Task A_failing_function_is_tried_after_one_and_after_two_minutes_and_one_that_was_deleted_meanwhile_not_at_all()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("FNQ_TEST_LONG") == "1", "waits for three minutes: FNQ_TEST_LONG=1, or ./fnq test --long");
        var name = await platform.Api.DeployAsync(Code);
        var answer = await platform.Api.InvokeAsync(name, """{"fail": true}""", AsEvent);
        var deleted = await platform.Api.DeployAsync(Code);
        var orphan = await platform.Api.InvokeAsync(deleted, """{"fail": true}""", AsEvent);
        await Until.TrueAsync(async () => await FindAsync(orphan.RequestId) is { State: EventOutcome.Waiting }, "the event waits");
        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", $"/2015-03-31/functions/{deleted}")).Status);

        await Until.TrueAsync(async () => await FindAsync(answer.RequestId) is { Condition: not null }, "the event has an outcome", TimeSpan.FromMinutes(5));
        var outcome = (await FindAsync(answer.RequestId))!;
        Assert.Equal(("failed", "RetriesExhausted", 3), (outcome.State, outcome.Condition, outcome.Attempts));
        List<DateTime> starts = [];
        await Until.TrueAsync(async () => (starts = await StartsAsync(answer.RequestId)).Count == 3, "three runs are recorded");
        Assert.InRange((starts[1] - starts[0]).TotalSeconds, 59, 70);
        Assert.InRange((starts[2] - starts[1]).TotalSeconds, 119, 130);
        Assert.Equal("FunctionDeleted", (await OutcomeAsync(orphan.RequestId)).Condition);
        Assert.Single(await StartsAsync(orphan.RequestId));
    }

    [Fact]
    public async Task A_function_is_invoked_with_the_outcome_of_another()
    {
        var (queue, arrived) = await _users!.NewQueueAsync();
        var second = await platform.Api.DeployAsync(Code);
        await PutConfigAsync(second, new JsonObject { ["OnSuccess"] = Destination(QueueArn(queue)) });
        var first = await platform.Api.DeployAsync(Code);
        await PutConfigAsync(first, new JsonObject { ["OnSuccess"] = Destination($"arn:aws:lambda:us-east-1:{Account}:function:{second}") });
        var answer = await platform.Api.InvokeAsync(first, "{}", AsEvent);
        var record = await UserBroker.OneAsync(arrived);
        Assert.Equal(answer.RequestId, (string?)record.Json["requestPayload"]!["requestContext"]!["requestId"]);
        Assert.NotEqual(answer.RequestId, record.MessageId);
        Assert.Equal("succeeded", (await OutcomeAsync(record.MessageId!)).State);
    }

    [Fact]
    public async Task A_webhook_is_posted_the_outcome_and_only_to_an_address_that_is_open()
    {
        await using var hook = new Webhook(Platform.WebhookAddress);
        await using var closed = new Webhook("127.0.0.1");
        var name = await platform.Api.DeployAsync(Code);
        await PutConfigAsync(name, new JsonObject { ["OnSuccess"] = Destination(hook.Url), ["OnFailure"] = Destination(closed.Url) }, retries: 0);
        var answer = await platform.Api.InvokeAsync(name, "{}", AsEvent);
        var posted = await hook.OneAsync();
        Assert.Equal(answer.RequestId, (string?)JsonNode.Parse(posted)!["requestContext"]!["requestId"]);
        Assert.Null((await OutcomeAsync(answer.RequestId)).DeliveryError);

        var failed = await platform.Api.InvokeAsync(name, """{"fail": true}""", AsEvent);
        Assert.Contains("no public address", (await OutcomeAsync(failed.RequestId)).DeliveryError, StringComparison.Ordinal);
        Assert.False(closed.WasReached);
    }

    [Fact]
    public async Task What_takes_no_outcome_is_named_in_it()
    {
        var missing = $"missing-{Guid.NewGuid():N}";
        var name = await platform.Api.DeployAsync(Code);
        await PutConfigAsync(name, new JsonObject
        {
            ["OnSuccess"] = Destination(QueueArn(missing)), ["OnFailure"] = Destination($"arn:aws:sns:us-east-1:{Account}:{missing}"),
        }, retries: 0);
        var good = await platform.Api.InvokeAsync(name, "{}", AsEvent);
        var bad = await platform.Api.InvokeAsync(name, """{"fail": true}""", AsEvent);
        Assert.Equal($"There is no queue {missing}", (await OutcomeAsync(good.RequestId)).DeliveryError);
        Assert.Equal($"There is no exchange {missing}", (await OutcomeAsync(bad.RequestId)).DeliveryError);
    }

    [Fact]
    public async Task An_event_that_is_too_large_no_json_or_for_nobody_is_refused()
    {
        var name = await platform.Api.DeployAsync(Code);
        var large = await platform.Api.InvokeAsync(name, $"\"{new string('x', 1_048_575)}\"", AsEvent);
        Assert.Equal((413, "RequestEntityTooLargeException"), (large.Status, large.ErrorType));
        Assert.Equal("1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)", large.Message);
        Assert.Equal(202, (await platform.Api.InvokeAsync(name, $"\"{new string('x', 1_048_574)}\"", AsEvent)).Status);
        Assert.Equal((400, "InvalidRequestContentException"), Of(await platform.Api.InvokeAsync(name, "{", AsEvent)));
        Assert.Equal((404, "ResourceNotFoundException"), Of(await platform.Api.InvokeAsync("nobody", "{}", AsEvent)));
    }

    [Fact]
    public async Task InvokeAsync_of_old_is_an_event_too()
    {
        var name = await platform.Api.DeployAsync(Code);
        var answer = await platform.Api.SendAsync("POST", $"/2014-11-13/functions/{name}/invoke-async/", "{}"u8.ToArray());
        Assert.Equal((202, """{"Status":202}"""), (answer.Status, answer.Text));
        Assert.Equal("succeeded", (await OutcomeAsync(answer.RequestId)).State);
    }

    [Fact]
    public async Task The_AWS_CLI_sends_an_event_and_fnq_events_tells_what_became_of_it()
    {
        var name = await platform.Api.DeployAsync(Code);
        var folder = platform.NewFolder();
        var output = await platform.Cli(folder).RunAsync(
            "lambda", "invoke", "--function-name", name, "--invocation-type", "Event", "--cli-binary-format", "raw-in-base64-out",
            "--payload", "{}", Path.Combine(folder, "out.json"));
        Assert.Equal(202, (int?)output!["StatusCode"]);
        Assert.Equal(0, new FileInfo(Path.Combine(folder, "out.json")).Length);

        EventOutcome? outcome = null;
        await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(platform.PostgresUrl));
        await Until.TrueAsync(
            async () => (outcome = (await new OutcomeStore(source).ListAsync(name, 10, CancellationToken.None)).SingleOrDefault()) is { Condition: not null },
            "the event has an outcome");
        var listed = (await platform.VerbAsync(["events", "--function", name])).Checked;
        Assert.Contains($"{outcome!.RequestId}", listed, StringComparison.Ordinal);
        var one = JsonNode.Parse((await platform.VerbAsync(["events", $"{outcome.RequestId}", "--json"])).Checked)![0]!;
        Assert.Equal(("succeeded", "Success", 1), ((string?)one["state"], (string?)one["condition"], (int?)one["attempts"]));
        var nobody = await platform.VerbAsync(["events", Guid.NewGuid().ToString()]);
        Assert.Equal(1, nobody.ExitCode);
    }

    [Fact]
    public async Task A_message_that_is_no_event_is_kept_and_has_an_outcome()
    {
        await using var broker = await UserBroker.ConnectAsync(platform.PlatformAmqpUrl);
        foreach (var body in new[] { "no json", """{"messageType":["urn:message:Fnq.Contracts:Other"],"message":{}}""", """{"messageType":["urn:message:Fnq.Contracts:InvokeFunction"],"message":{"payload":"x"}}""" })
        {
            var id = Guid.NewGuid();
            await broker.PublishAsync("", "fnq-events-03", Encoding.UTF8.GetBytes(body), new RabbitMQ.Client.BasicProperties
            {
                MessageId = id.ToString(), ContentType = "application/vnd.masstransit+json", Headers = new Dictionary<string, object?> { ["MessageId"] = id.ToString() },
            });
            var outcome = await OutcomeAsync(id.ToString());
            Assert.Equal(("failed", "Unreadable", 0), (outcome.State, outcome.Condition, outcome.Attempts));
        }
    }

    private static (int, string?) Of(ApiAnswer answer) => (answer.Status, answer.ErrorType);

    private static string QueueArn(string queue) => $"arn:aws:sqs:us-east-1:{Account}:{queue}";

    private static JsonObject Destination(string arn) => new() { ["Destination"] = arn };

    /// <summary>When the runs of an event began, by their billing records.</summary>
    private async Task<List<DateTime>> StartsAsync(string id)
    {
        await using var command = _source!.CreateCommand("select started_at from invocation_records where request_id = $1 order by started_at");
        command.Parameters.AddWithValue(Guid.Parse(id));
        await using var rows = await command.ExecuteReaderAsync();
        List<DateTime> starts = [];
        while (await rows.ReadAsync())
        {
            starts.Add(rows.GetDateTime(0));
        }

        return starts;
    }

    private async Task PutConfigAsync(string name, JsonObject destinations, int? retries = null, int? ageSeconds = null)
    {
        var request = new JsonObject { ["DestinationConfig"] = destinations };
        if (retries is not null)
        {
            request["MaximumRetryAttempts"] = retries;
        }

        if (ageSeconds is not null)
        {
            request["MaximumEventAgeInSeconds"] = ageSeconds;
        }

        var answer = await platform.Api.SendJsonAsync("PUT", $"/2019-09-25/functions/{name}/event-invoke-config", request);
        Assert.True(answer.Status == 200, answer.Text);
    }

    private Task<EventOutcome?> FindAsync(string id) => new OutcomeStore(_source!).FindAsync(Guid.Parse(id), CancellationToken.None);

    /// <summary>The last word on an event.</summary>
    private async Task<EventOutcome> OutcomeAsync(string id)
    {
        EventOutcome? outcome = null;
        await Until.TrueAsync(async () => (outcome = await FindAsync(id)) is { Condition: not null }, $"event {id} has an outcome");
        return outcome!;
    }
}
