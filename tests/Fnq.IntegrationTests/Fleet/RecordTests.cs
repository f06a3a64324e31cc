using System.Net;
using System.Text.Json.Nodes;
using Fnq.Contracts;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>One record for every run, whatever dies on the way.</summary>
[Collection(FleetCollection.Name)]
public sealed class RecordTests
{
    private const int Clients = 24;
    private static readonly int Invocations = Environment.GetEnvironmentVariable("FNQ_TEST_LONG") == "1" ? 50_000 : 10_000;

    [Fact]
    public async Task Every_run_has_one_record_after_recorder_and_broker_restarts_and_a_killed_worker()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers"));
        var recorder = await fleet.ServeAsync("recorder", "scheduler");
        var victim = await fleet.ServeAsync("worker-1", "worker");
        await fleet.ServeAsync("worker-2", "worker");
        var functions = new[] { FunctionSource.Python("echo-1"), FunctionSource.Node("echo-2"), FunctionSource.Python("echo-3"), FunctionSource.Node("echo-4") };
        foreach (var function in functions)
        {
            await client.CreateAsync(function);
        }

        var journal = new Journal();
        var sent = 0;
        var load = Enumerable.Range(0, Clients).Select(async number =>
        {
            while (Interlocked.Increment(ref sent) is var turn && turn <= Invocations)
            {
                await journal.CallAsync(client, functions[(number + turn) % functions.Length].Name, new { turn });
            }
        }).ToList();

        await ReachedAsync(journal, Invocations / 5);
        recorder.Kill();
        await ReachedAsync(journal, Invocations * 2 / 5);
        await fleet.ServeAsync("recorder", "scheduler");
        Assert.True(await Shell.RunAsync("kill", ["-9", $"{fleet.Servers.BrokerPid}"]) is { ExitCode: 0 });
        await fleet.Servers.MendAsync();
        await ReachedAsync(journal, Invocations * 3 / 5);
        victim.Kill();
        await ReachedAsync(journal, Invocations * 4 / 5);

        // Its unconfirmed records lie in its journal.
        await fleet.ServeAsync("worker-1", "worker");
        await Task.WhenAll(load);

        var answered = journal.With(HttpStatusCode.OK);
        var lost = journal.With(HttpStatusCode.InternalServerError);
        var refused = journal.With(HttpStatusCode.ServiceUnavailable);
        Assert.Equal(Invocations, answered.Count + lost.Count + refused.Count);
        Assert.All(answered, call => Assert.True(call.Answer.IsSuccess, call.ToString()));
        Assert.All(refused, call => Assert.True(call.Answer.Took < TimeSpan.FromSeconds(2.5), call.ToString()));

        var rows = await fleet.Records.OfAllAsync(answered.Concat(lost).Select(call => call.Answer.RequestId), TimeSpan.FromSeconds(60));
        var byRequest = rows.ToLookup(row => row.RequestId);
        Assert.Equal(rows.Count, rows.Select(row => row.RunId).Distinct().Count());
        Assert.All(answered, call => Assert.Equal(RunOutcome.Succeeded, Assert.Single(byRequest[call.Answer.RequestId]).Outcome));

        // A lost run may have ended, and its worker's record then came first; there is one, of one run.
        Assert.All(lost, call => Assert.True(
            Assert.Single(byRequest[call.Answer.RequestId]).Outcome is RunOutcome.PlatformLost or RunOutcome.Succeeded, call.ToString()));
        Assert.All(rows, row => Assert.True(row.Outcome != RunOutcome.PlatformLost || row.BilledMilliseconds == 0));
        await AgreesWithUsageAsync(fleet, rows);
        TestContext.Current.SendDiagnosticMessage(
            "{0}; {1} records, {2} of them lost runs", journal.Summary(), rows.Count, rows.Count(row => row.Outcome == RunOutcome.PlatformLost));
    }

    private static Task ReachedAsync(Journal journal, int count) =>
        Until.TrueAsync(() => journal.Count >= count, $"{count} answers", TimeSpan.FromSeconds(120));

    private static async Task AgreesWithUsageAsync(TestFleet fleet, IReadOnlyList<RecordRow> rows)
    {
        var usage = JsonNode.Parse((await fleet.RunAsync("usage", "--json")).Checked)!.AsArray().ToDictionary(
            line => (string)line!["function"]!, line => ((long)line!["invocations"]!, (long)line["billedMs"]!));
        Assert.Equal(
            rows.GroupBy(row => row.Function).Select(group => (
                group.Key,
                (group.LongCount(row => row.Outcome != RunOutcome.PlatformLost), group.Sum(row => row.BilledMilliseconds)))).OrderBy(line => line.Key),
            usage.Select(line => (line.Key, line.Value)).OrderBy(line => line.Key));
    }
}
