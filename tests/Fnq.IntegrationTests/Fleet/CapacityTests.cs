using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>More demand than there are environments.</summary>
[Collection(FleetCollection.Name)]
public sealed class CapacityTests
{
    [Fact]
    public async Task A_flood_on_a_cold_function_succeeds_and_hides_no_other_cold_function()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers,scheduler"));
        await fleet.ServeAsync("worker-1", "worker", ("FNQ_MAX_ENVIRONMENTS", "8"));
        await fleet.ServeAsync("worker-2", "worker", ("FNQ_MAX_ENVIRONMENTS", "8"));
        await client.CreateAsync(FunctionSource.Python("flooded"));
        await client.CreateAsync(FunctionSource.Node("other"));

        var journal = new Journal();
        var flood = Enumerable.Range(0, 200).Select(i => journal.CallAsync(client, "flooded", new { i, sleep = 0.05 })).ToList();
        await Task.WhenAny(flood);
        var other = await journal.CallAsync(client, "other", new { });
        var left = flood.Count(call => !call.IsCompleted);
        await Task.WhenAll(flood);

        Assert.All(journal.Calls, call => Assert.True(call.Answer.IsSuccess, call.ToString()));
        Assert.True(other.Answer.Took < TimeSpan.FromSeconds(5), other.ToString());
        TestContext.Current.SendDiagnosticMessage(
            "200 cold requests in {0:0.0} s; the other function answered in {1:0} ms while {2} of them waited",
            journal.Calls.Max(call => call.Answer.Took.TotalSeconds), other.Answer.Took.TotalMilliseconds, left);
    }

    [Fact]
    public async Task More_functions_than_environments_take_turns_and_all_requests_succeed()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers,scheduler"));
        await fleet.ServeAsync("worker-1", "worker", ("FNQ_MAX_ENVIRONMENTS", "2"));
        await fleet.ServeAsync("worker-2", "worker", ("FNQ_MAX_ENVIRONMENTS", "2"));
        var sources = Enumerable.Range(0, 6).Select(i => i % 2 == 0 ? FunctionSource.Python($"turn-{i}") : FunctionSource.Node($"turn-{i}")).ToList();
        foreach (var source in sources)
        {
            await client.CreateAsync(source);
        }

        var journal = new Journal();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(async number =>
        {
            for (var round = 0; round < 24; round++)
            {
                await journal.CallAsync(client, sources[((number * 2) + round) % sources.Count].Name, new { number, round });
            }
        }));

        Assert.All(journal.Calls, call =>
        {
            Assert.True(call.Answer.IsSuccess, call.ToString());
            Assert.Equal(call.Function, call.Answer.Reply.Marker);
        });
        var environments = journal.Calls.Select(call => call.Answer.Reply.Environment).Distinct().Count();
        Assert.True(environments > 4, $"{environments} environments in all: nothing was evicted");
        TestContext.Current.SendDiagnosticMessage(
            "{0}, {1} environments one after another, slowest {2:0} ms", journal.Summary(), environments, journal.Calls.Max(call => call.Answer.Took.TotalMilliseconds));
    }
}
