using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>Row A28: expressions, zones, targets and numbers of schedules that attack whoever reads or runs them.</summary>
[Collection(Platform.Collection)]
public sealed class ScheduleInputTests(Platform platform, GoodFunction good) : HostileInput(platform, good)
{
    private const string Never = "rate(36500 days)";
    private readonly LambdaApi _rules = platform.ApiOf("us-east-1", "events");
    private readonly LambdaApi _schedules = platform.ApiOf("us-east-1", "scheduler");

    private string GoodArn => $"arn:aws:lambda:us-east-1:123456789012:function:{Good}";

    [Fact]
    public async Task A28_expressions()
    {
        var fields = string.Join(',', Enumerable.Range(0, 200));
        foreach (var expression in (string[])
            [
                "cron(* * * * * *)", "cron(0 0 30 2 ? *)", "cron(0 0 1 1 ? 9999)", $"cron({fields} * * * ? *)", "cron(* * * * ?)", "rate(1 second)",
                "rate(0 minutes)", "rate(99999999999999999999 days)", "cron(\0 * * * ? *)", "cron($(id) * * * ? *)", "'; drop table schedules;--", "()", "((((",
            ])
        {
            var type = "ValidationException";
            await RefusedAsync(PutRuleAsync("a28", r => r["ScheduleExpression"] = expression), 400, type);
            await RefusedAsync(CreateScheduleAsync("a28", r => r["ScheduleExpression"] = expression), 400, type);
        }

        await RefusedAsync(
            PutRuleAsync("a28", r => r["ScheduleExpression"] = "cron(* * * * * *)"), 400, "ValidationException", "Parameter ScheduleExpression is not valid.");
        await RefusedAsync(PutRuleAsync("a28", r => r["ScheduleExpression"] = "at(2030-01-01T00:00:00)"), 400, "ValidationException");
        await RefusedAsync(PutRuleAsync("a28", r => r["ScheduleExpression"] = new string('x', 900_000)), 400, "ValidationException");
        await RefusedAsync(PutRuleAsync("a28", r => r["EventPattern"] = "{}"), 400, "ValidationException", "EventPattern");
        Assert.Equal((400, "ResourceNotFoundException"), Of(await CallAsync("DescribeRule", new() { ["Name"] = "a28" })));
    }

    [Fact]
    public async Task A28_zones_dates_and_windows()
    {
        foreach (var zone in (string[])["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "America", "Europe/Berlin\0", "", new('z', 60)])
        {
            await RefusedAsync(CreateScheduleAsync("a28", r => r["ScheduleExpressionTimezone"] = zone), 400, "ValidationException");
        }

        foreach (var date in (JsonNode[])[-1, 9_999_999_999_999, 253_402_300_800])
        {
            await RefusedAsync(CreateScheduleAsync("a28", r => r["StartDate"] = date.DeepClone()), 400, "ValidationException");
        }

        await RefusedAsync(CreateScheduleAsync("a28", r => r["StartDate"] = 1e300), 400, "InvalidRequestContentException");
        await RefusedAsync(CreateScheduleAsync("a28", r => (r["StartDate"], r["EndDate"]) = (2_000_000_000, 1_000_000_000)), 400, "ValidationException");
        foreach (var minutes in (int?[])[null, 0, -1, 1_441, int.MaxValue])
        {
            var window = new JsonObject { ["Mode"] = "FLEXIBLE", ["MaximumWindowInMinutes"] = minutes };
            await RefusedAsync(CreateScheduleAsync("a28", r => r["FlexibleTimeWindow"] = window.DeepClone()), 400, "ValidationException");
        }

        await RefusedAsync(CreateScheduleAsync("a28", r => r["FlexibleTimeWindow"] = null), 400, "ValidationException");
        await RefusedAsync(CreateScheduleAsync("a28", r => r["GroupName"] = "mine"), 404, "ResourceNotFoundException");
        await RefusedAsync(CreateScheduleAsync("a28", r => r["Description"] = "a\0b"), 400, "ValidationException");
        await RefusedAsync(CreateScheduleAsync("a%2Fb"), 400, "ValidationException");
        await RefusedAsync(_schedules.SendAsync("GET", "/schedules?NextToken=forged"), 400, "ValidationException");
        await RefusedAsync(_schedules.SendAsync("GET", "/schedules?MaxResults=9999999999"), 400, "ValidationException");
        await RefusedAsync(CallAsync("ListRules", new() { ["NextToken"] = "forged" }), 400, "ValidationException");
    }

    [Fact]
    public async Task A28_targets()
    {
        Assert.Equal(200, (await PutRuleAsync("a28-targets")).Status);
        foreach (var arn in (string[])
            [
                "arn:aws:lambda:us-east-1:999999999999:function:x", "arn:aws:lambda:eu-west-1:123456789012:function:x", "arn:aws:sqs:us-east-1:123456789012:q",
                "http://127.0.0.1/", Good, "", new('a', 5_000),
            ])
        {
            await RefusedAsync(PutTargetAsync(target => target["Arn"] = arn), 400, "ValidationException");
            await RefusedAsync(CreateScheduleAsync("a28", r => r["Target"]!["Arn"] = arn), 400, "ValidationException");
        }

        foreach (var input in (string[])["{", "[1,]", new('[', 1_000), "nul", "\0"])
        {
            await RefusedAsync(PutTargetAsync(target => target["Input"] = input), 400, "ValidationException");
            await RefusedAsync(CreateScheduleAsync("a28", r => r["Target"]!["Input"] = input), 400, "ValidationException");
        }

        await RefusedAsync(PutTargetAsync(target => target["Input"] = $"\"{new string('x', 9_000)}\""), 400, "ValidationException");
        await RefusedAsync(CreateScheduleAsync("a28", r => r["Target"]!["Input"] = $"\"{new string('x', 300_000)}\""), 400, "ValidationException");
        await RefusedAsync(PutTargetAsync(target => target["InputPath"] = "$.detail"), 400, "ValidationException");
        await RefusedAsync(PutTargetAsync(target => target["InputTransformer"] = new JsonObject { ["InputTemplate"] = "x" }), 400, "ValidationException");
        await RefusedAsync(PutTargetAsync(target => target["SqsParameters"] = new JsonObject { ["MessageGroupId"] = "x" }), 400, "ValidationException");
        await RefusedAsync(CallAsync("PutTargets", new() { ["Rule"] = "a28-targets", ["Targets"] = new JsonArray((JsonNode?)null) }), 400, "ValidationException");
        var many = new JsonArray([.. Enumerable.Range(0, 6).Select(i => new JsonObject { ["Id"] = $"{i}", ["Arn"] = GoodArn })]);
        await RefusedAsync(CallAsync("PutTargets", new() { ["Rule"] = "a28-targets", ["Targets"] = many }), 400, "LimitExceededException");
        await RefusedAsync(CallAsync("PutEvents", new() { ["Entries"] = new JsonArray() }), 400, "UnknownOperationException");
        Assert.Equal(200, (await CallAsync("DeleteRule", new() { ["Name"] = "a28-targets" })).Status);
    }

    [Fact]
    public async Task A28_more_than_an_account_may_have()
    {
        await using var database = Database();
        try
        {
            // As many as there may be, of another region: the limit is the account's.
            await using var fill = database.CreateCommand(
                """
                insert into schedules (id, kind, account_id, region, name, expression, timezone, is_enabled, window_minutes, deletes_itself,
                  created_at, modified_at, anchor_at, handled_until, revision)
                select gen_random_uuid(), k.kind, '123456789012', 'eu-north-1', k.kind || n, 'rate(36500 days)', 'UTC', true, 0, false,
                  now(), now(), now(), now(), gen_random_uuid()
                from (values ('rule', 300), ('schedule', 10000)) k (kind, count), generate_series(1, k.count) n
                """);
            await fill.ExecuteNonQueryAsync();
            await RefusedAsync(PutRuleAsync("a28-one-more"), 400, "LimitExceededException");
            await RefusedAsync(CreateScheduleAsync("a28-one-more"), 402, "ServiceQuotaExceededException");
        }
        finally
        {
            await using var clear = database.CreateCommand("delete from schedules where region = 'eu-north-1'");
            await clear.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task A28_two_hundred_at_once_on_one_name()
    {
        var puts = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => PutRuleAsync("a28-race")));
        Assert.All(puts, answer => Assert.Equal(200, answer.Status));
        var creates = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => CreateScheduleAsync("a28-race")));
        Assert.Equal(1, creates.Count(answer => answer.Status == 200));
        Assert.All(creates.Where(answer => answer.Status != 200), answer => Assert.Equal((409, "ConflictException"), Of(answer)));
        var targets = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => PutTargetAsync(_ => { }, "a28-race")));
        Assert.All(targets, answer => Assert.Contains(answer.Status, (int[])[200, 400]));
        Assert.Contains(targets, answer => answer.Status == 200);
        Assert.Equal(200, (await CallAsync("RemoveTargets", new() { ["Rule"] = "a28-race", ["Ids"] = new JsonArray("1") })).Status);
        Assert.Equal(200, (await CallAsync("DeleteRule", new() { ["Name"] = "a28-race" })).Status);
        Assert.Equal(200, (await _schedules.SendAsync("DELETE", "/schedules/a28-race")).Status);
    }

    private static (int, string?) Of(ApiAnswer answer) => (answer.Status, answer.ErrorType);

    private Task<ApiAnswer> CallAsync(string operation, JsonObject body) => _rules.SendAsync(
        "POST", "/", System.Text.Encoding.UTF8.GetBytes(body.ToJsonString()), new Dictionary<string, string> { ["X-Amz-Target"] = $"AWSEvents.{operation}" });

    private Task<ApiAnswer> PutRuleAsync(string name, Action<JsonObject>? spoil = null)
    {
        var request = new JsonObject { ["Name"] = name, ["ScheduleExpression"] = Never };
        spoil?.Invoke(request);
        return CallAsync("PutRule", request);
    }

    private Task<ApiAnswer> PutTargetAsync(Action<JsonObject> spoil, string rule = "a28-targets")
    {
        var target = new JsonObject { ["Id"] = "1", ["Arn"] = GoodArn };
        spoil(target);
        return CallAsync("PutTargets", new() { ["Rule"] = rule, ["Targets"] = new JsonArray(target) });
    }

    private Task<ApiAnswer> CreateScheduleAsync(string name, Action<JsonObject>? spoil = null)
    {
        var request = new JsonObject
        {
            ["ScheduleExpression"] = Never,
            ["FlexibleTimeWindow"] = new JsonObject { ["Mode"] = "OFF" },
            ["Target"] = new JsonObject { ["Arn"] = GoodArn, ["RoleArn"] = LambdaApi.Role },
        };
        spoil?.Invoke(request);
        return _schedules.SendJsonAsync("POST", $"/schedules/{name}", request);
    }
}
