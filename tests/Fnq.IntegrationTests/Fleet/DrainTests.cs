using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Faults;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>SIGTERM of a worker under load.</summary>
[Collection(FleetCollection.Name)]
public sealed class DrainTests
{
    [Fact]
    public async Task A_worker_that_is_told_to_stop_fails_no_request_and_leaves_no_sandbox()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers,scheduler"));
        var leaving = await fleet.ServeAsync("worker-1", "worker");
        await fleet.ServeAsync("worker-2", "worker");
        var functions = new[] { ("slow", 1.5), ("quick-1", 0.01), ("quick-2", 0.01), ("quick-3", 0.01) };
        foreach (var (name, _) in functions)
        {
            await client.CreateAsync(FunctionSource.Python(name), timeoutSeconds: 20);
        }

        var journal = new Journal();
        using var done = new CancellationTokenSource();
        var load = functions.SelectMany(each => new[] { each, each, each }).Select(async each =>
        {
            while (!done.IsCancellationRequested)
            {
                await journal.CallAsync(client, each.Item1, new { sleep = each.Item2 });
            }
        }).ToList();
        await Until.TrueAsync(
            () => HostLeftovers.NetworkNamespacesOf(leaving.Pid).Count >= 2 && journal.Count > 200, "load on the worker", TimeSpan.FromSeconds(60));

        var stoppedAt = TimeProvider.System.GetTimestamp();
        await leaving.StopAsync();
        var took = TimeProvider.System.GetElapsedTime(stoppedAt);
        Assert.Empty(HostLeftovers.Of(leaving.Pid));
        var after = journal.Count + 200;
        await Until.TrueAsync(() => journal.Count >= after, "load on the other worker", TimeSpan.FromSeconds(60));
        await done.CancelAsync();
        await Task.WhenAll(load);

        Assert.All(journal.Calls, call => Assert.True(call.Answer.IsSuccess, call.ToString()));
        TestContext.Current.SendDiagnosticMessage(
            "{0}; the worker stopped after {1:0.0} s; slowest quick answer {2:0} ms", journal.Summary(), took.TotalSeconds,
            journal.Calls.Where(call => call.Function != "slow").Max(call => call.Answer.Took.TotalMilliseconds));
    }
}
