using Fnq.Contracts;
using Fnq.Functions.Changes;
using Fnq.Messaging;
using Xunit;

namespace Fnq.Tests.Functions.Changes;

public sealed class ChangeWaitTests
{
    private static readonly LiveNode Api = new(new NodeId("api"), IsWorker: false);
    private static readonly LiveNode First = new(new NodeId("worker-1"), IsWorker: true);
    private static readonly LiveNode Second = new(new NodeId("worker-2"), IsWorker: true);

    [Fact]
    public void Succeeds_when_all_know_and_one_worker_can_run_it()
    {
        var wait = new ChangeWait([Api, First, Second], needsWorker: true);
        wait.Acknowledge(From(Api));
        wait.Acknowledge(From(First, canRun: true));
        Assert.Equal(ChangeVerdict.Waiting, wait.Verdict);
        wait.Acknowledge(From(Second));
        Assert.Equal(ChangeVerdict.Successful, wait.Verdict);
    }

    [Fact]
    public void Fails_only_when_every_worker_has_refused()
    {
        var wait = new ChangeWait([First, Second], needsWorker: true);
        wait.Acknowledge(From(First, canRun: false));
        wait.Acknowledge(From(Second));
        Assert.Equal(ChangeVerdict.Waiting, wait.Verdict);
        wait.Acknowledge(From(Second, canRun: false));
        Assert.Equal(ChangeVerdict.Failed, wait.Verdict);
        Assert.Equal("no such runtime", wait.Reason);
    }

    [Fact]
    public void Does_not_wait_for_a_node_whose_lease_ran_out()
    {
        var wait = new ChangeWait([Api, First, Second], needsWorker: true);
        wait.Acknowledge(From(Api));
        wait.Acknowledge(From(First, canRun: true));
        wait.LeasesRanOut();
        Assert.Equal(ChangeVerdict.Successful, wait.Verdict);
    }

    [Fact]
    public void Still_waits_for_a_worker_that_knows_and_prepares()
    {
        var wait = new ChangeWait([First], needsWorker: true);
        wait.Acknowledge(From(First));
        wait.LeasesRanOut();
        Assert.Equal(ChangeVerdict.Waiting, wait.Verdict);
    }

    [Fact]
    public void A_delete_needs_no_worker()
    {
        var wait = new ChangeWait([Api, First], needsWorker: false);
        wait.Acknowledge(From(Api));
        wait.Acknowledge(From(First));
        Assert.Equal(ChangeVerdict.Successful, wait.Verdict);
    }

    private static FunctionChangeAcknowledged From(LiveNode node, bool? canRun = null) => new()
    {
        Function = new FunctionKey("123456789012", "us-east-1", "f"),
        RevisionId = "r",
        Node = node.Id,
        CanRun = canRun,
        Reason = canRun is false ? "no such runtime" : null,
    };
}
