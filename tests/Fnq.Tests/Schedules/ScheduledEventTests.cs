using System.Text;
using Fnq.Schedules;
using Xunit;

namespace Fnq.Tests.Schedules;

/// <summary>The wire: what a function gets.</summary>
public sealed class ScheduledEventTests
{
    private static readonly Guid Id = new("6a1f4b9e-1111-4222-8333-944455556666");
    private static readonly DateTimeOffset Due = new(2015, 10, 8, 16, 53, 6, TimeSpan.Zero);
    private static readonly ScheduleKey Rule = new(ScheduleKind.Rule, "123456789012", "us-east-1", "my-rule");
    private static readonly ScheduleKey Schedule = new(ScheduleKind.Schedule, "123456789012", "us-east-1", "my-schedule");

    [Fact]
    public void A_rule_sends_AWSs_scheduled_event() => Assert.Equal(Event("aws.events", Rule.Arn, "{}"), Text(Rule, input: null));

    [Fact]
    public void A_schedule_sends_its_own() => Assert.Equal(Event("aws.scheduler", Schedule.Arn, "\"{}\""), Text(Schedule, input: null));

    [Fact]
    public void They_are_named_as_on_AWS()
    {
        Assert.Equal("arn:aws:events:us-east-1:123456789012:rule/my-rule", Rule.Arn);
        Assert.Equal("arn:aws:scheduler:us-east-1:123456789012:schedule/default/my-schedule", Schedule.Arn);
    }

    [Fact]
    public void A_constant_input_replaces_the_whole_event_byte_for_byte() =>
        Assert.Equal("""{"n": 7.50, "at":"<aws.scheduler.scheduled-time>"}""", Text(Rule, """{"n": 7.50, "at":"<aws.scheduler.scheduled-time>"}"""));

    [Fact]
    public void Scheduler_fills_its_context_attributes_in()
    {
        Assert.Equal($"\"{Schedule.Arn}\"", Text(Schedule, "\"<aws.scheduler.schedule-arn>\""));
        Assert.Equal("""["2015-10-08T16:53:06Z","1"]""", Text(Schedule, """["<aws.scheduler.scheduled-time>","<aws.scheduler.attempt-number>"]"""));
        Assert.Equal($"\"{ScheduledEvent.IdOf(Id, "target/", Due)}\"", Text(Schedule, "\"<aws.scheduler.execution-id>\""));
    }

    private static string Event(string source, string arn, string detail) =>
        $$"""{"version":"0","id":"{{ScheduledEvent.IdOf(Id, "event", Due)}}","detail-type":"Scheduled Event","source":"{{source}}","""
        + $$""" "account":"123456789012","time":"2015-10-08T16:53:06Z","region":"us-east-1","resources":["{{arn}}"],"detail":{{detail}}}""".TrimStart();

    private static string Text(ScheduleKey key, string? input) =>
        Encoding.UTF8.GetString(ScheduledEvent.PayloadOf(key, Id, new ScheduleTargetRow { TargetId = "", FunctionArn = "", Input = input }, Due));
}
