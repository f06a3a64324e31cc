using System.Globalization;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Events;
using Fnq.IntegrationTests.Journeys;
using Fnq.Invocations.Events;
using Fnq.Storage;
using Npgsql;
using Xunit;

namespace Fnq.IntegrationTests.Triggers;

/// <summary>Rules and schedules from the AWS CLI to the outcome of what they invoke.</summary>
[Collection(Platform.Collection)]
public sealed class ScheduleTests(Platform platform) : IAsyncLifetime
{
    private const string Account = "123456789012";
    private const string Code = "def handler(event, context):\n    return {\"id\": context.aws_request_id, \"event\": event}\n";
    private readonly LambdaApi _schedules = platform.ApiOf("us-east-1", "scheduler");
    private UserBroker? _users;
    private NpgsqlDataSource? _source;

    public async ValueTask InitializeAsync()
    {
        _users = await UserBroker.ConnectAsync(platform.AmqpUrl);
        _source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(platform.PostgresUrl));
    }

    public async ValueTask DisposeAsync()
    {
        _schedules.Dispose();
        await _users!.DisposeAsync();
        await _source!.DisposeAsync();
    }

    [Fact]
    public async Task A_rule_of_the_AWS_CLI_invokes_its_targets_every_minute()
    {
        var cli = platform.Cli(platform.NewFolder());
        var (queue, arrived) = await _users!.NewQueueAsync();
        var function = await DeployAsync(queue);
        var name = $"rule-{Guid.NewGuid():N}";
        var arn = $"arn:aws:events:us-east-1:{Account}:rule/{name}";
        var put = await cli.RunAsync("events", "put-rule", "--name", name, "--schedule-expression", "rate(1 minute)");
        Assert.Equal(arn, (string?)put!["RuleArn"]);
        var failed = await cli.RunAsync("events", "put-targets", "--rule", name, "--targets", $"Id=1,Arn={ArnOf(function)}");
        Assert.Equal(0, (int?)failed!["FailedEntryCount"]);
        await cli.RunAsync("events", "put-targets", "--rule", name, "--targets", new JsonArray(new JsonObject
        {
            ["Id"] = "2", ["Arn"] = ArnOf(function), ["Input"] = """{"n": 7.50}""",
        }).ToJsonString());

        Arrived[] records = [await OneAsync(arrived), await OneAsync(arrived)];
        var constant = records.Single(record => record.Body.Contains("7.50", StringComparison.Ordinal));
        var record = records.Single(record => record != constant).Json;
        var sent = record["responsePayload"]!["event"]!;
        Assert.Equal(
            ("0", "Scheduled Event", "aws.events", Account, "us-east-1", arn, "{}"),
            ((string?)sent["version"], (string?)sent["detail-type"], (string?)sent["source"], (string?)sent["account"], (string?)sent["region"],
                (string?)sent["resources"]![0], sent["detail"]!.ToJsonString()));
        Assert.True(DateTimeOffset.TryParseExact(
            (string?)sent["time"], "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _));
        var id = Guid.Parse((string?)record["responsePayload"]!["id"] ?? "");
        Assert.NotEqual(id, (Guid?)sent["id"]);
        var outcome = await new OutcomeStore(_source!).FindAsync(id, CancellationToken.None);
        Assert.Equal(("succeeded", "schedule", 1), (outcome!.State, outcome.Trigger, outcome.Attempts));

        await LifeOfRuleAsync(cli, name, ArnOf(function));
    }

    [Fact]
    public async Task A_schedule_of_the_AWS_CLI_invokes_its_function_once()
    {
        var cli = platform.Cli(platform.NewFolder());
        var (queue, arrived) = await _users!.NewQueueAsync();
        var function = await DeployAsync(queue);
        var name = $"schedule-{Guid.NewGuid():N}";
        var arn = $"arn:aws:scheduler:us-east-1:{Account}:schedule/default/{name}";
        var due = TimeZoneInfo.ConvertTime(await DatabaseTimeAsync() + TimeSpan.FromSeconds(6), TimeZoneInfo.FindSystemTimeZoneById("Asia/Kolkata"));
        string[] rest = ["--flexible-time-window", "Mode=OFF", "--target", $"Arn={ArnOf(function)},RoleArn={LambdaApi.Role}"];
        var expression = $"at({due:yyyy-MM-dd'T'HH:mm:ss})";
        string[] create =
            ["scheduler", "create-schedule", "--name", name, "--schedule-expression", expression, "--schedule-expression-timezone", "Asia/Kolkata", .. rest];
        Assert.Equal(arn, (string?)(await cli.RunAsync(create))!["ScheduleArn"]);

        var sent = (await OneAsync(arrived)).Json["responsePayload"]!["event"]!;
        Assert.Equal(
            ("aws.scheduler", arn, "{}", $"{due.ToUniversalTime():yyyy-MM-dd'T'HH:mm:ss'Z'}"),
            ((string?)sent["source"], (string?)sent["resources"]![0], (string?)sent["detail"], (string?)sent["time"]));

        var got = (await cli.RunAsync("scheduler", "get-schedule", "--name", name))!;
        Assert.Equal(
            (arn, "default", expression, "Asia/Kolkata", "ENABLED", "OFF", ArnOf(function)),
            ((string?)got["Arn"], (string?)got["GroupName"], (string?)got["ScheduleExpression"], (string?)got["ScheduleExpressionTimezone"],
                (string?)got["State"], (string?)got["FlexibleTimeWindow"]!["Mode"], (string?)got["Target"]!["Arn"]));
        var again = await cli.TryAsync(create);
        AssertRefused("ConflictException", $"Schedule {name} already exists.", again);
        await cli.RunAsync(["scheduler", "update-schedule", "--name", name, "--schedule-expression", "rate(2 hours)", "--state", "DISABLED", .. rest]);
        var listed = (await cli.RunAsync("scheduler", "list-schedules", "--name-prefix", name, "--state", "DISABLED"))!["Schedules"]!.AsArray();
        Assert.Equal((name, ArnOf(function)), ((string?)Assert.Single(listed)!["Name"], (string?)listed[0]!["Target"]!["Arn"]));
        await cli.RunAsync("scheduler", "delete-schedule", "--name", name);
        var gone = await cli.TryAsync("scheduler", "get-schedule", "--name", name);
        AssertRefused("ResourceNotFoundException", $"Schedule {name} does not exist.", gone);
        Assert.Empty(arrived);
    }

    [Fact]
    public async Task A_schedule_that_is_done_deletes_itself_and_its_event_is_filled_in()
    {
        var (queue, arrived) = await _users!.NewQueueAsync();
        var function = await DeployAsync(queue);
        var name = $"schedule-{Guid.NewGuid():N}";
        var due = await DatabaseTimeAsync() + TimeSpan.FromSeconds(3);
        var request = RequestOf(ArnOf(function), $"at({due:yyyy-MM-dd'T'HH:mm:ss})");
        request["ActionAfterCompletion"] = "DELETE";
        request["ClientToken"] = "once";
        request["Target"]!["Input"] = """{"at":"<aws.scheduler.scheduled-time>","run":"<aws.scheduler.execution-id>"}""";
        Assert.Equal(200, (await _schedules.SendJsonAsync("POST", $"/schedules/{name}", request)).Status);
        Assert.Equal(200, (await _schedules.SendJsonAsync("POST", $"/schedules/{name}", request)).Status);

        var answer = (await OneAsync(arrived)).Json["responsePayload"]!;
        Assert.Equal($"{due:yyyy-MM-dd'T'HH:mm:ss'Z'}", (string?)answer["event"]!["at"]);
        Assert.Equal((string?)answer["id"], (string?)answer["event"]!["run"]);
        Assert.Equal(404, (await _schedules.SendAsync("GET", $"/schedules/{name}")).Status);
    }

    [Fact]
    public async Task What_is_due_for_a_function_that_is_not_there_has_failed_with_a_reason()
    {
        var name = $"schedule-{Guid.NewGuid():N}";
        var due = await DatabaseTimeAsync() + TimeSpan.FromSeconds(2);
        Assert.Equal(200, (await _schedules.SendJsonAsync("POST", $"/schedules/{name}", RequestOf(ArnOf("nobody"), $"at({due:yyyy-MM-dd'T'HH:mm:ss})"))).Status);
        await using var read = _source!.CreateCommand(
            "select f.state || ': ' || f.reason from schedule_fires f join schedules s on s.id = f.schedule_id where s.name = $1");
        read.Parameters.AddWithValue(name);
        await Until.TrueAsync(
            async () => await read.ExecuteScalarAsync() as string == $"failed: Function not found: {ArnOf("nobody")}", "the due time has failed");
    }

    private static string ArnOf(string function) => $"arn:aws:lambda:us-east-1:{Account}:function:{function}";

    private static JsonObject RequestOf(string arn, string expression) => new()
    {
        ["ScheduleExpression"] = expression,
        ["FlexibleTimeWindow"] = new JsonObject { ["Mode"] = "OFF" },
        ["Target"] = new JsonObject { ["Arn"] = arn, ["RoleArn"] = LambdaApi.Role },
    };

    private static async Task<Arrived> OneAsync(System.Collections.Concurrent.ConcurrentQueue<Arrived> arrived)
    {
        Arrived? first = null;
        await Until.TrueAsync(() => arrived.TryDequeue(out first), "the function has run", TimeSpan.FromSeconds(90));
        return first!;
    }

    /// <summary>What the other operations of rules say of one that fires.</summary>
    private static async Task LifeOfRuleAsync(AwsCli cli, string name, string target)
    {
        var rule = (await cli.RunAsync("events", "describe-rule", "--name", name))!;
        Assert.Equal(("rate(1 minute)", "ENABLED", "default"), ((string?)rule["ScheduleExpression"], (string?)rule["State"], (string?)rule["EventBusName"]));
        await cli.RunAsync("events", "disable-rule", "--name", name);
        var listed = (await cli.RunAsync("events", "list-rules", "--name-prefix", name))!["Rules"]!.AsArray();
        Assert.Equal("DISABLED", (string?)Assert.Single(listed)!["State"]);
        await cli.RunAsync("events", "enable-rule", "--name", name);
        var targets = (await cli.RunAsync("events", "list-targets-by-rule", "--rule", name))!["Targets"]!.AsArray();
        Assert.Equal([("1", target, null), ("2", target, """{"n": 7.50}""")], targets.Select(t => ((string?)t!["Id"], (string?)t["Arn"], (string?)t["Input"])));

        var busy = await cli.TryAsync("events", "delete-rule", "--name", name);
        AssertRefused("ValidationException", "Rule can't be deleted since it has targets.", busy);
        await cli.RunAsync("events", "remove-targets", "--rule", name, "--ids", "1", "2");
        await cli.RunAsync("events", "delete-rule", "--name", name);
        var gone = await cli.TryAsync("events", "describe-rule", "--name", name);
        AssertRefused("ResourceNotFoundException", $"Rule {name} does not exist on EventBus default.", gone);
        var wrong = await cli.TryAsync("events", "put-rule", "--name", name, "--schedule-expression", "cron(* * * * * *)");
        AssertRefused("ValidationException", "Parameter ScheduleExpression is not valid.", wrong);
    }

    /// <summary>As the CLI shows it, which puts how often it has tried between the two.</summary>
    private static void AssertRefused(string error, string message, ShellResult result)
    {
        Assert.Contains($"An error occurred ({error}) when calling", result.Error, StringComparison.Ordinal);
        Assert.Contains($": {message}", result.Error, StringComparison.Ordinal);
    }

    /// <summary>A function whose outcomes go to a queue.</summary>
    private async Task<string> DeployAsync(string queue)
    {
        var name = await platform.Api.DeployAsync(Code);
        var config = new JsonObject
        {
            ["DestinationConfig"] = new JsonObject { ["OnSuccess"] = new JsonObject { ["Destination"] = $"arn:aws:sqs:us-east-1:{Account}:{queue}" } },
        };
        Assert.Equal(200, (await platform.Api.SendJsonAsync("PUT", $"/2019-09-25/functions/{name}/event-invoke-config", config)).Status);
        return name;
    }

    /// <summary>Now; the one clock that a test may ask.</summary>
    private async Task<DateTimeOffset> DatabaseTimeAsync()
    {
        await using var read = _source!.CreateCommand("select now()");
        return (DateTime)(await read.ExecuteScalarAsync())!;
    }
}
