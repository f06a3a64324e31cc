using Fnq.Execution;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class OverflowPolicyTests
{
    private static readonly OverflowSituation Warm = new(
        Waiting: 1, Environments: 4, Starting: 0, StartsOnNode: 0, MedianRun: TimeSpan.FromMilliseconds(1),
        ColdStart: TimeSpan.FromMilliseconds(80), Cores: 2, HasRoom: true);

    [Fact]
    public void Starts_the_first_environment() =>
        Assert.Equal(OverflowDecision.Start, OverflowPolicy.Decide(Warm with { Environments = 0, MedianRun = null }));

    [Fact]
    public void Starts_the_first_environment_although_other_deployments_are_starting() =>
        Assert.Equal(OverflowDecision.Start, OverflowPolicy.Decide(Warm with { Environments = 0, StartsOnNode = 2 }));

    [Fact]
    public void Waits_for_a_start_that_is_already_under_way() =>
        Assert.Equal(OverflowDecision.Wait, OverflowPolicy.Decide(Warm with { Environments = 0, Starting = 1, StartsOnNode = 1 }));

    [Fact]
    public void Waits_when_a_short_run_ends_sooner_than_a_start() =>
        Assert.Equal(OverflowDecision.Wait, OverflowPolicy.Decide(Warm with { Waiting = 60 }));

    [Fact]
    public void Starts_when_those_who_wait_would_wait_longer_than_a_start() =>
        Assert.Equal(OverflowDecision.Start, OverflowPolicy.Decide(Warm with { Waiting = 60, MedianRun = TimeSpan.FromMilliseconds(100) }));

    [Fact]
    public void Starts_one_for_every_core_when_more_wait_than_run() =>
        Assert.Equal(OverflowDecision.Start, OverflowPolicy.Decide(Warm with { Environments = 1, Waiting = 2 }));

    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(2, 60, 0)]
    [InlineData(1, 60, 1)]
    public void Starts_none_for_a_core_that_has_one_or_for_a_passing_wait(int environments, int waiting, int starting) =>
        Assert.Equal(
            OverflowDecision.Wait,
            OverflowPolicy.Decide(Warm with { Environments = environments, Waiting = waiting, Starting = starting, StartsOnNode = starting }));

    [Fact]
    public void Starts_when_no_run_has_ended_yet() =>
        Assert.Equal(OverflowDecision.Start, OverflowPolicy.Decide(Warm with { MedianRun = null }));

    [Fact]
    public void Starts_no_more_at_once_than_there_are_cores() =>
        Assert.Equal(OverflowDecision.Wait, OverflowPolicy.Decide(Warm with { Waiting = 200, MedianRun = null, Starting = 2, StartsOnNode = 2 }));

    [Fact]
    public void Calls_for_help_when_it_serves_the_deployment_but_has_no_room() =>
        Assert.Equal(OverflowDecision.CallForHelp, OverflowPolicy.Decide(Warm with { MedianRun = null, HasRoom = false }));

    [Fact]
    public void Refuses_when_it_has_neither_an_environment_nor_room() =>
        Assert.Equal(OverflowDecision.Refuse, OverflowPolicy.Decide(Warm with { Environments = 0, HasRoom = false }));

    [Fact]
    public void Median_of_runs_ignores_an_outlier()
    {
        var runs = new RunTimes();
        Assert.Null(runs.Median());
        foreach (var milliseconds in (int[])[3, 2, 900, 3, 4])
        {
            runs.Add(TimeSpan.FromMilliseconds(milliseconds));
        }

        Assert.Equal(TimeSpan.FromMilliseconds(3), runs.Median());
    }
}
