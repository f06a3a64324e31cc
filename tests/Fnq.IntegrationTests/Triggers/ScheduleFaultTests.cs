using System.Globalization;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Fleet;
using Fnq.IntegrationTests.Journeys;
using Fnq.Invocations.Events;
using Xunit;

namespace Fnq.IntegrationTests.Triggers;

/// <summary>Several processes of the scheduler role, of which some die: each due time is fired once.</summary>
[Collection(FleetCollection.Name)]
public sealed class ScheduleFaultTests
{
    private const int Schedules = 50;
    private const string Function = "scheduled";

    [Fact]
    public async Task Each_due_time_fires_once_whatever_becomes_of_the_schedulers()
    {
        await using var fleet = await TestFleet.StartAsync();
        var api = await fleet.ServeAsync("api", "api,worker,triggers");
        var first = await fleet.ServeAsync("scheduler-1", "scheduler");
        var second = await fleet.ServeAsync("scheduler-2", "scheduler");
        using (var setUp = TestFleet.ClientOf(api))
        {
            await setUp.CreateAsync(FunctionSource.Python(Function));
        }

        using var client = new LambdaApi(api.Address, TestFleet.KeyId, TestFleet.Secret, service: "scheduler");
        var start = await DatabaseTimeAsync(fleet) + TimeSpan.FromSeconds(5);
        await Task.WhenAll(Enumerable.Range(0, Schedules).Select(number => CreateAsync(client, $"s-{number}", AtOf(start + TimeSpan.FromSeconds(number / 5)))));

        await Until.TrueAsync(async () => await CountAsync(fleet, "state = 'published'") >= Schedules / 3, "a third has fired");
        first.Kill();
        await Until.TrueAsync(async () => await CountAsync(fleet, "state = 'published'") == Schedules, "all have fired", TimeSpan.FromSeconds(60));
        await OneOutcomeEachAsync(fleet, Schedules);

        // What a process that died between its claim and its mark leaves is published again, under the same id.
        await ExecuteAsync(fleet, "update schedule_fires set state = 'pending', payload = '{}', retry_at = now()");
        await Until.TrueAsync(async () => await CountAsync(fleet, "state = 'published'") == Schedules, "all are published again", TimeSpan.FromSeconds(60));
        await OneOutcomeEachAsync(fleet, Schedules);

        // Nobody is there: of ten due times that are missed the last is caught up, of a single one that one.
        second.Kill();
        await CreateAsync(client, "missed-rate", "rate(1 minute)");
        await CreateAsync(client, "missed-at", AtOf(start + TimeSpan.FromMinutes(5)));
        await ExecuteAsync(
            fleet,
            """
            update schedules set handled_until = handled_until - interval '10 minutes', anchor_at = anchor_at - interval '10 minutes',
              expression = case name when 'missed-at' then to_char(now() at time zone 'UTC' - interval '2 minutes', '"at("YYYY-MM-DD"T"HH24:MI:SS")"')
                else expression end
            where name like 'missed-%'
            """);
        await fleet.ServeAsync("scheduler-1", "scheduler");
        await Until.TrueAsync(async () => await CountAsync(fleet, "state = 'published'") == Schedules + 2, "what was missed is caught up");
        await OneOutcomeEachAsync(fleet, Schedules + 2);
        Assert.Equal(Schedules + 2, await CountAsync(fleet, "true"));
    }

    [Fact]
    public async Task Ten_thousand_schedules_that_are_due_at_once_all_fire()
    {
        const int all = 10_000;
        await using var fleet = await TestFleet.StartAsync();
        var api = await fleet.ServeAsync("api", "api,worker,triggers");
        await fleet.ServeAsync("scheduler-1", "scheduler");
        await fleet.ServeAsync("scheduler-2", "scheduler");
        using (var setUp = TestFleet.ClientOf(api))
        {
            await setUp.CreateAsync(FunctionSource.Python(Function));
        }

        await ExecuteAsync(
            fleet,
            $$"""
            with made as (
              insert into schedules (id, kind, account_id, region, name, expression, timezone, is_enabled, window_minutes, deletes_itself,
                created_at, modified_at, anchor_at, handled_until, revision)
              select gen_random_uuid(), 'schedule', '123456789012', 'us-east-1', 'many-' || n,
                to_char(now() at time zone 'UTC' + interval '15 seconds', '"at("YYYY-MM-DD"T"HH24:MI:SS")"'), 'UTC', true, 0, false,
                now(), now(), now(), now(), gen_random_uuid()
              from generate_series(1, {{all}}) n returning id)
            insert into schedule_targets (schedule_id, target_id, function_arn)
            select id, '', 'arn:aws:lambda:us-east-1:123456789012:function:{{Function}}' from made
            """);
        await Until.TrueAsync(async () => await CountAsync(fleet, "state = 'published'") == all, "all have fired", TimeSpan.FromSeconds(180));
        await using var read = fleet.Records.Source.CreateCommand(
            "select extract(epoch from max(claimed_at) - min(due_at)), (select count(*) from schedules where handled_until <= created_at) from schedule_fires");
        await using var rows = await read.ExecuteReaderAsync();
        Assert.True(await rows.ReadAsync());
        Assert.Equal(0, rows.GetInt64(1));
        TestContext.Current.SendDiagnosticMessage("The last of {0} was claimed {1:0.0} s after it was due", all, rows.GetDecimal(0));
    }

    private static string AtOf(DateTimeOffset due) => string.Create(CultureInfo.InvariantCulture, $"at({due:yyyy-MM-dd'T'HH:mm:ss})");

    private static async Task CreateAsync(LambdaApi client, string name, string expression)
    {
        var answer = await client.SendJsonAsync("POST", $"/schedules/{name}", new JsonObject
        {
            ["ScheduleExpression"] = expression,
            ["FlexibleTimeWindow"] = new JsonObject { ["Mode"] = "OFF" },
            ["Target"] = new JsonObject { ["Arn"] = $"arn:aws:lambda:us-east-1:123456789012:function:{Function}", ["RoleArn"] = LambdaApi.Role },
        });
        Assert.True(answer.Status == 200, answer.Text);
    }

    /// <summary>As many succeeded events as fires, with their ids.</summary>
    private static async Task OneOutcomeEachAsync(TestFleet fleet, int count)
    {
        var store = new OutcomeStore(fleet.Records.Source);
        List<EventOutcome> outcomes = [];
        await Until.TrueAsync(
            async () =>
            {
                outcomes = await store.ListAsync(Function, 1_000, CancellationToken.None);
                return outcomes.Count(outcome => outcome.State == "succeeded") >= count;
            },
            $"{count} events have succeeded", TimeSpan.FromSeconds(120));
        Assert.Equal(count, outcomes.Count);
        Assert.All(outcomes, outcome => Assert.Equal("schedule", outcome.Trigger));
        await using var read = fleet.Records.Source.CreateCommand("select request_id from schedule_fires");
        await using var rows = await read.ExecuteReaderAsync();
        HashSet<Guid> fires = [];
        while (await rows.ReadAsync())
        {
            fires.Add(rows.GetGuid(0));
        }

        Assert.Equal(fires, outcomes.Select(outcome => outcome.RequestId).ToHashSet());
    }

    private static async Task<long> CountAsync(TestFleet fleet, string condition)
    {
        await using var read = fleet.Records.Source.CreateCommand($"select count(*) from schedule_fires where {condition}");
        return (long)(await read.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(TestFleet fleet, string sql)
    {
        await using var command = fleet.Records.Source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<DateTimeOffset> DatabaseTimeAsync(TestFleet fleet)
    {
        await using var read = fleet.Records.Source.CreateCommand("select now()");
        return (DateTime)(await read.ExecuteScalarAsync())!;
    }
}
