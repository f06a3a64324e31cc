using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Invocations.Events;
using Xunit;

namespace Fnq.Tests.Invocations.Events;

public sealed class EventPolicyTests
{
    private static readonly EventTarget Defaults = new()
    {
        Deployment = new("d-1"), InvokedFunctionArn = "arn", QualifiedArn = "arn:$LATEST", IsActive = true, Timeout = TimeSpan.FromSeconds(3),
    };

    [Theory]
    [InlineData(1, 2, null, 60)]
    [InlineData(2, 2, null, 120)]
    [InlineData(3, 2, EventCondition.RetriesExhausted, 0)]
    [InlineData(1, 1, null, 60)]
    [InlineData(2, 1, EventCondition.RetriesExhausted, 0)]
    [InlineData(1, 0, EventCondition.RetriesExhausted, 0)]
    public void An_error_of_the_function_is_tried_again_after_one_and_after_two_minutes(int failures, int retries, string? condition, int seconds) =>
        Assert.Equal(
            new EventDecision(condition, TimeSpan.FromSeconds(seconds)),
            After(DispatchStatus.Completed, failures: failures, isError: true, target: Defaults with { RetriesMax = retries }));

    [Theory]
    [InlineData(DispatchStatus.Throttled)]
    [InlineData(DispatchStatus.Expired)]
    [InlineData(DispatchStatus.Unavailable)]
    [InlineData(DispatchStatus.PlatformLost)]
    public void What_the_platform_could_not_do_costs_no_retry(DispatchStatus status)
    {
        foreach (var (refusals, seconds) in new[] { (1, 1), (2, 2), (3, 4), (4, 8), (5, 15), (6, 30), (7, 60), (8, 120), (9, 300), (1_000, 300) })
        {
            Assert.Equal(
                new EventDecision(null, TimeSpan.FromSeconds(seconds)),
                After(status, refusals: refusals, target: Defaults with { RetriesMax = 0 }));
        }
    }

    [Fact]
    public void Success_and_deletion_end_it()
    {
        Assert.Equal(EventCondition.Success, After(DispatchStatus.Completed).Condition);
        Assert.Equal(EventCondition.FunctionDeleted, After(DispatchStatus.Gone).Condition);
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(239, null)]
    [InlineData(240, null)]
    [InlineData(241, EventCondition.AgeExceeded)]
    public void What_would_be_too_old_at_its_next_attempt_ends_now(int ageSeconds, string? condition) =>
        Assert.Equal(condition, After(
            DispatchStatus.Completed, failures: 1, isError: true, age: TimeSpan.FromSeconds(ageSeconds),
            target: Defaults with { AgeMax = TimeSpan.FromSeconds(300) }).Condition);

    [Fact]
    public void An_event_is_six_hours_old_at_most()
    {
        Assert.Null(EventPolicy.BeforeAttempt(TimeSpan.FromHours(6), Defaults));
        Assert.Equal(EventCondition.AgeExceeded, EventPolicy.BeforeAttempt(TimeSpan.FromHours(6.01), Defaults)?.Condition);
    }

    [Theory]
    [InlineData(DispatchStatus.Completed, true, 4, 0, 8)]
    [InlineData(DispatchStatus.Completed, false, 3, 0, 8)]
    [InlineData(DispatchStatus.PlatformLost, false, 3, 6, 8)]
    [InlineData(DispatchStatus.Throttled, false, 3, 6, 7)]
    public void Counts_errors_refusals_and_what_may_have_run(DispatchStatus status, bool isError, int failures, int refusals, int runs)
    {
        var before = new InvokeFunction
        {
            RequestId = Guid.NewGuid(), Function = new("123456789012", "us-east-1", "f"), Payload = [], TraceId = "Root=1", Trigger = "api",
            AcceptedAt = DateTimeOffset.UnixEpoch, Failures = 3, Refusals = 5, Runs = 7,
        };
        var after = EventAttempt.Count(before, new InvocationResult { Status = status, IsFunctionError = isError });
        Assert.Equal((failures, refusals, runs), (after.Failures, after.Refusals, after.Runs));
    }

    private static EventDecision After(
        DispatchStatus status, int failures = 0, int refusals = 0, bool isError = false, TimeSpan age = default, EventTarget? target = null) =>
        EventPolicy.AfterAttempt(status, isError, new EventHistory(failures, refusals, age), target ?? Defaults);
}
