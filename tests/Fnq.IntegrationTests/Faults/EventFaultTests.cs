using System.Collections.Concurrent;
using System.Diagnostics;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Fleet;
using Fnq.Invocations.Events;
using Xunit;

namespace Fnq.IntegrationTests.Faults;

/// <summary>Events are accepted while everything is killed once; what got a 202 has one outcome, and its runs are billed.</summary>
[Collection(FleetCollection.Name)]
public sealed class EventFaultTests
{
    private const int Clients = 16;
    private static readonly int Events = Environment.GetEnvironmentVariable("FNQ_TEST_LONG") == "1" ? 20_000 : 3_000;

    [Fact]
    public async Task Every_event_that_got_a_202_has_one_outcome_whatever_is_killed()
    {
        await using var fleet = await TestFleet.StartAsync();
        var api = await fleet.ServeAsync("api", "api");
        var triggers = await fleet.ServeAsync("triggers", "triggers");
        var scheduler = await fleet.ServeAsync("scheduler", "scheduler");
        var worker = await fleet.ServeAsync("worker-1", "worker");
        await fleet.ServeAsync("worker-2", "worker");
        using var setUp = TestFleet.ClientOf(api);
        var functions = new[] { FunctionSource.Python("event-1"), FunctionSource.Node("event-2"), FunctionSource.Python("event-3") };
        foreach (var function in functions)
        {
            await setUp.CreateAsync(function);
        }

        var client = new Reconnecting(api);
        var accepted = new ConcurrentBag<Guid>();
        var load = Enumerable.Range(0, Clients).Select(number => SendAsync(client, functions[number % functions.Length].Name, accepted)).ToList();

        await ReachedAsync(accepted, 1);
        await KillAsync(fleet.Servers.BrokerPid);
        await fleet.Servers.MendAsync();
        await ReachedAsync(accepted, 2);
        worker.Kill();
        await fleet.ServeAsync("worker-1", "worker");
        await ReachedAsync(accepted, 3);
        triggers.Kill();
        await fleet.ServeAsync("triggers", "triggers");
        await ReachedAsync(accepted, 4);
        scheduler.Kill();
        await fleet.ServeAsync("scheduler", "scheduler");
        await ReachedAsync(accepted, 5);
        await KillAsync(fleet.Servers.PostgresPid);
        await fleet.Servers.MendAsync();
        await ReachedAsync(accepted, 6);
        api.Kill();
        client.Use(await fleet.ServeAsync("api", "api"));
        await Task.WhenAll(load);

        Assert.True(accepted.Count >= Events, $"{accepted.Count} were accepted");
        Assert.Equal(accepted.Count, accepted.Distinct().Count());
        var outcomes = await OutcomesAsync(fleet, [.. accepted]);
        Assert.All(outcomes, outcome => Assert.True(outcome is { State: "succeeded", Condition: "Success" }, $"{outcome}"));
        var rows = (await fleet.Records.OfAllAsync(accepted, TimeSpan.FromSeconds(120))).ToLookup(row => row.RequestId);
        Assert.All(outcomes, outcome => Assert.Contains(rows[outcome.RequestId], row => row.Outcome == Contracts.RunOutcome.Succeeded));
        TestContext.Current.SendDiagnosticMessage(
            "{0} events accepted; {1} ran more than once", accepted.Count, accepted.Count(id => rows[id].Count() > 1));
    }

    /// <summary>Sends until enough are accepted by all clients together; what is refused, or not answered, is not sent again.</summary>
    private static async Task SendAsync(Reconnecting client, string function, ConcurrentBag<Guid> accepted)
    {
        while (accepted.Count < Events)
        {
            if (await client.SendEventAsync(function) is { } id)
            {
                accepted.Add(id);
            }
        }
    }

    private static Task ReachedAsync(ConcurrentBag<Guid> accepted, int sevenths) =>
        Until.TrueAsync(() => accepted.Count >= Events * sevenths / 7, $"{sevenths} sevenths of the events are accepted", TimeSpan.FromSeconds(180));

    private static async Task KillAsync(int pid) => Assert.True(await Shell.RunAsync("kill", ["-9", $"{pid}"]) is { ExitCode: 0 });

    private static async Task<List<EventOutcome>> OutcomesAsync(TestFleet fleet, HashSet<Guid> accepted)
    {
        List<EventOutcome> found = [];
        var store = new OutcomeStore(fleet.Records.Source);
        try
        {
            await Until.TrueAsync(
                async () =>
                {
                    found = [.. (await store.ListAsync(null, int.MaxValue, CancellationToken.None)).Where(each => accepted.Contains(each.RequestId))];
                    return found.Count == accepted.Count && found.All(each => each.Condition is not null);
                },
                "every event has an outcome", TimeSpan.FromSeconds(300));
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}: {found.Count} of {accepted.Count}, {found.Count(each => each.Condition is null)} of them wait", late);
        }

        return found;
    }

    /// <summary>A client of the api, whichever process that is now.</summary>
    private sealed class Reconnecting(FnqProcess first)
    {
        private FunctionClient _client = TestFleet.ClientOf(first);

        public void Use(FnqProcess next) => _client = TestFleet.ClientOf(next);

        /// <summary>Null unless it was accepted.</summary>
        public async Task<Guid?> SendEventAsync(string function)
        {
            try
            {
                var answer = await _client.SendEventAsync(function, new { sentAt = Stopwatch.GetTimestamp() });
                return answer.Status == System.Net.HttpStatusCode.Accepted ? answer.RequestId : null;
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }
    }
}
