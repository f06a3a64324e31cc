using System.Net;
using Fnq.Contracts;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Fleet;
using Xunit;

namespace Fnq.IntegrationTests.Faults;

/// <summary>`kill -9` of a worker that has runs under way.</summary>
[Collection(FleetCollection.Name)]
public sealed class WorkerKillTests
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2);

    /// <summary>Until the broker has closed the dead worker's connections, its consumers are still given messages.</summary>
    private static readonly TimeSpan Notice = TimeSpan.FromSeconds(1);

    /// <summary>An answer crosses a busy machine of two cores that a test shares.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task Runs_of_a_killed_worker_are_answered_500_in_time_all_others_succeed_and_its_sandboxes_are_swept()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers,scheduler"));
        var victim = await fleet.ServeAsync("worker-1", "worker");
        await fleet.ServeAsync("worker-2", "worker");
        var slow = Enumerable.Range(0, 4).Select(i => FunctionSource.Python($"slow-{i}")).ToList();
        var fast = Enumerable.Range(0, 6).Select(i => FunctionSource.Node($"fast-{i}")).ToList();
        foreach (var source in slow.Concat(fast))
        {
            await client.CreateAsync(source, timeoutSeconds: 20);
        }

        var journal = new Journal();
        using var done = new CancellationTokenSource();
        var load = slow.SelectMany(source => new[] { source, source, source }).Select(source => (source, sleep: 2.5))
            .Concat(fast.Select(source => (source, sleep: 0.02)))
            .Select(each => RepeatAsync(client, journal, each.source.Name, each.sleep, done.Token)).ToList();

        // Both have runs of the slow ones under way.
        await Until.TrueAsync(() => HostLeftovers.NetworkNamespacesOf(victim.Pid).Count >= 3 && journal.Count > 200, "load on both workers", TimeSpan.FromSeconds(60));
        var namespaces = HostLeftovers.NetworkNamespacesOf(victim.Pid);
        var orderedAt = TimeProvider.System.GetUtcNow();
        victim.Kill();
        await victim.WaitForExitAsync();
        var killedAt = TimeProvider.System.GetUtcNow();
        var after = journal.Count + 100;
        await Until.TrueAsync(() => journal.Count > after && TimeProvider.System.GetUtcNow() > killedAt + TimeSpan.FromSeconds(5), "load after the kill", TimeSpan.FromSeconds(30));
        await done.CancelAsync();
        await Task.WhenAll(load);

        var failed = journal.Calls.Where(call => !call.Answer.IsSuccess).ToList();
        Assert.NotEmpty(failed);
        Assert.All(failed, call =>
        {
            Assert.Equal(HttpStatusCode.InternalServerError, call.Answer.Status);
            Assert.True(call.SentAt <= killedAt + Notice && call.AnsweredAt >= orderedAt, $"{call} was not under way at the kill");
            Assert.True(call.AnsweredAt - killedAt < Notice + AnswerLimit + Slack, $"{call} was answered {call.AnsweredAt - killedAt} after the kill");
        });
        Assert.All(journal.With(HttpStatusCode.OK), call => Assert.Equal(call.Function, call.Answer.Reply.Marker));
        await Until.TrueAsync(() => HostLeftovers.Of(victim.Pid).Count == 0, "the other worker has swept", TimeSpan.FromSeconds(30));
        Assert.Empty(HostLeftovers.StrangersIn(namespaces));
        TestContext.Current.SendDiagnosticMessage(
            "{0}; lost runs answered {1:0} to {2:0} ms after the kill; swept after {3:0.0} s", journal.Summary(),
            failed.Min(call => (call.AnsweredAt - killedAt).TotalMilliseconds), failed.Max(call => (call.AnsweredAt - killedAt).TotalMilliseconds),
            (TimeProvider.System.GetUtcNow() - killedAt).TotalSeconds);

        // What the dead worker had journalled and not published comes with its restart.
        await fleet.ServeAsync("worker-1", "worker");
        var answered = journal.With(HttpStatusCode.OK).Concat(failed).Select(call => call.Answer.RequestId);
        var records = (await fleet.Records.OfAllAsync(answered)).ToLookup(record => record.RequestId);
        Assert.All(failed, call => Assert.Equal(RunOutcome.PlatformLost, Assert.Single(records[call.Answer.RequestId]).Outcome));
    }

    [Fact]
    public async Task Runs_of_the_last_worker_are_answered_500_in_time_and_its_restart_sweeps_and_serves()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers,scheduler"));
        // Without a stock: its network namespaces are then those of environments.
        var victim = await fleet.ServeAsync("worker", "worker", ("FNQ_PREPARED_SLOTS", "0"));
        await client.CreateAsync(FunctionSource.Python("lonely"), timeoutSeconds: 30);
        Assert.True((await client.InvokeAsync("lonely", new { })).IsSuccess);

        var journal = new Journal();
        var runs = Enumerable.Range(0, 3).Select(_ => journal.CallAsync(client, "lonely", new { sleep = 8 })).ToList();
        await Until.TrueAsync(() => HostLeftovers.NetworkNamespacesOf(victim.Pid).Count >= 2, "a second environment beside the one at work");
        victim.Kill();
        await victim.WaitForExitAsync();
        var killedAt = TimeProvider.System.GetUtcNow();
        await Until.TrueAsync(() => TimeProvider.System.GetUtcNow() > killedAt + Notice + AnswerLimit + Slack, "the limit has passed");
        var waiting = client.InvokeAsync("lonely", new { });
        await fleet.ServeAsync("worker", "worker");
        Assert.Empty(HostLeftovers.Of(victim.Pid));
        Assert.True((await waiting).IsSuccess, (await waiting).Body);

        // What had begun is lost and told so in time; what was only held waited for the new worker.
        var calls = await Task.WhenAll(runs);
        var lost = calls.Where(call => !call.Answer.IsSuccess).ToList();
        Assert.NotEmpty(lost);
        Assert.All(lost, call =>
        {
            Assert.Equal(HttpStatusCode.InternalServerError, call.Answer.Status);
            Assert.True(call.AnsweredAt - killedAt < Notice + AnswerLimit + Slack, $"{call} was answered {call.AnsweredAt - killedAt} after the kill");
        });
        TestContext.Current.SendDiagnosticMessage(
            "{0}: lost runs answered {1:0} ms after the kill; a request sent while no worker lived was served in {2}",
            journal.Summary(), lost.Max(call => (call.AnsweredAt - killedAt).TotalMilliseconds), (await waiting).Took);
    }

    [Fact]
    public async Task A_request_that_was_only_held_by_the_killed_worker_succeeds_elsewhere()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers,scheduler"));
        // Without a stock: the one network namespace it then has is that of the environment.
        var victim = await fleet.ServeAsync("worker-1", "worker", ("FNQ_MAX_ENVIRONMENTS", "1"), ("FNQ_PREPARED_SLOTS", "0"));
        await client.CreateAsync(FunctionSource.Python("single"), timeoutSeconds: 60);

        // The one environment is at work, so the others can only be held.
        var running = client.InvokeAsync("single", new { sleep = 40 });
        await Until.TrueAsync(() => HostLeftovers.NetworkNamespacesOf(victim.Pid).Count == 1, "the environment is at work");
        var held = Enumerable.Range(0, 5).Select(i => client.InvokeAsync("single", new { held = i })).ToList();
        await Until.TrueAsync(async () => await fleet.UnackedAsync() >= 6, "the worker holds six messages", TimeSpan.FromSeconds(45));
        await fleet.ServeAsync("worker-2", "worker");
        victim.Kill();

        Assert.Equal(HttpStatusCode.InternalServerError, (await running).Status);
        var answers = await Task.WhenAll(held);
        Assert.All(answers, answer => Assert.True(answer.IsSuccess, $"{(int)answer.Status} {answer.Body}"));
        var records = (await fleet.Records.OfAllAsync(answers.Select(answer => answer.RequestId))).ToLookup(record => record.RequestId);
        Assert.All(answers, answer => Assert.Equal(RunOutcome.Succeeded, Assert.Single(records[answer.RequestId]).Outcome));
        Assert.Contains(answers, answer => records[answer.RequestId].Single().Delivery == 2);
    }

    private static async Task RepeatAsync(FunctionClient client, Journal journal, string function, double sleep, CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            await journal.CallAsync(client, function, new { sleep });
        }
    }
}
