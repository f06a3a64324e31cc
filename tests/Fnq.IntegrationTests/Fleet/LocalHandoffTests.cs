using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>A process with all roles beside another worker.</summary>
[Collection(FleetCollection.Name)]
public sealed class LocalHandoffTests
{
    [Theory]
    [InlineData("on")]
    [InlineData("off")]
    public async Task Local_and_lane_demand_mix_and_no_old_code_answers_after_an_update_is_successful(string localHandoff)
    {
        await using var fleet = await TestFleet.StartAsync();
        using var whole = TestFleet.ClientOf(await fleet.ServeAsync("whole", "api,worker,triggers,scheduler", ("FNQ_LOCAL_HANDOFF", localHandoff)));
        using var front = TestFleet.ClientOf(await fleet.ServeAsync("front", "api"));
        await fleet.ServeAsync("worker", "worker");
        await whole.CreateAsync(FunctionSource.Python("changing", "0"));

        var journal = new Journal();
        var known = 0;
        var stale = new List<string>();
        using var done = new CancellationTokenSource();
        var load = Enumerable.Range(0, 8).Select(async number =>
        {
            var client = number % 2 == 0 ? whole : front;
            while (!done.IsCancellationRequested)
            {
                // Read before the request leaves: what was Successful by then must answer.
                var atLeast = Volatile.Read(ref known);
                var call = await journal.CallAsync(client, "changing", new { });
                if (!call.Answer.IsSuccess || int.Parse(call.Answer.Reply.Marker) < atLeast)
                {
                    lock (stale)
                    {
                        stale.Add($"{call}, expected {atLeast} or later");
                    }
                }
            }
        }).ToList();

        for (var revision = 1; revision <= 4; revision++)
        {
            var before = journal.Count;
            await Until.TrueAsync(() => journal.Count >= before + 200, "load between updates", TimeSpan.FromSeconds(60));
            await (revision % 2 == 0 ? whole : front).UpdateAsync(FunctionSource.Python("changing", $"{revision}"));
            Volatile.Write(ref known, revision);
        }

        var last = journal.Count;
        await Until.TrueAsync(() => journal.Count >= last + 200, "load after the last update", TimeSpan.FromSeconds(60));
        await done.CancelAsync();
        await Task.WhenAll(load);
        Assert.Empty(stale);
        var records = await fleet.Records.OfAllAsync(journal.Calls.Select(call => call.Answer.RequestId));
        Assert.Equal(journal.Count, records.Count);
        TestContext.Current.SendDiagnosticMessage(
            "hand-off {0}: {1}, runs by worker {2}", localHandoff, journal.Summary(), string.Join(" and ", records.GroupBy(record => record.Worker).Select(group => group.Count())));
    }
}
