using Fnq.Schedules;
using Xunit;

namespace Fnq.Tests.Schedules;

/// <summary>Which due time comes next, and which are over.</summary>
public sealed class ScheduleTimesTests
{
    private static readonly DateTimeOffset Made = new(2026, 3, 1, 10, 20, 30, TimeSpan.Zero);

    [Fact]
    public void A_rate_counts_from_its_making_and_not_from_the_last_look()
    {
        var times = Of("rate(5 minutes)");
        Assert.Equal(Made.AddMinutes(5), times.Next(Made, Made)!.Value.At);
        Assert.Equal(Made.AddMinutes(10), times.Next(Made.AddMinutes(5), Made.AddMinutes(5).AddSeconds(7))!.Value.At);
        Assert.Equal(Made.AddMinutes(10), times.Next(Made.AddMinutes(9).AddSeconds(59), Made.AddMinutes(9))!.Value.At);
    }

    [Fact]
    public void A_rate_with_a_start_is_due_at_the_start()
    {
        var start = Made.AddDays(2);
        var times = Of("rate(1 day)", start);
        Assert.Equal(start, times.Next(Made, Made)!.Value.At);
        Assert.Equal(start.AddDays(1), times.Next(start, start)!.Value.At);
        var past = Of("rate(1 day)", Made.AddDays(-2.5));
        Assert.Equal(Made.AddDays(0.5), past.Next(Made, Made)!.Value.At);
    }

    [Fact]
    public void Nothing_is_due_before_the_start_or_after_the_end()
    {
        var times = Of("cron(0 * * * ? *)", Made.AddHours(5)) with { End = new DateTimeOffset(2026, 3, 1, 17, 0, 0, TimeSpan.Zero) };
        Assert.Equal(16, times.Next(Made, Made)!.Value.At.Hour);
        Assert.Equal(17, times.Next(Made.AddHours(6), Made)!.Value.At.Hour);
        Assert.Null(times.Next(Made.AddHours(7), Made));
    }

    [Theory]
    [InlineData("rate(1 minute)")]
    [InlineData("cron(* * * * ? *)")]
    public void Of_due_times_that_were_missed_only_the_last_is_caught_up(string expression)
    {
        var times = Of(expression);
        foreach (var away in (TimeSpan[])[TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(10), TimeSpan.FromDays(3), TimeSpan.FromDays(400)])
        {
            var now = Made + away + TimeSpan.FromSeconds(1);
            var due = times.Next(Made, now)!.Value;
            Assert.InRange(now - due.At, TimeSpan.Zero, TimeSpan.FromMinutes(1));
            Assert.True(times.Next(due.At, now)!.Value.At > now);
        }
    }

    [Fact]
    public void Once_that_was_missed_is_caught_up_and_that_was_all()
    {
        var times = Of("at(2026-03-02T00:00:00)");
        var due = times.Next(Made, Made.AddYears(1))!.Value;
        Assert.Equal(new DateTimeOffset(2026, 3, 2, 0, 0, 0, TimeSpan.Zero), due.At);
        Assert.Null(times.Next(due.At, Made.AddYears(1)));
        Assert.Null(Of("at(2026-02-01T00:00:00)").Next(Made, Made));
    }

    [Fact]
    public void A_flexible_window_spreads_and_every_process_knows_where()
    {
        var times = Of("rate(1 hour)") with { Window = TimeSpan.FromMinutes(15) };
        var offsets = new HashSet<TimeSpan>();
        var after = Made;
        for (var i = 0; i < 200; i++)
        {
            var due = times.Next(after, after)!.Value;
            Assert.Equal(due, (times with { }).Next(after, after));
            Assert.InRange(due.RingsAt - due.At, TimeSpan.Zero, TimeSpan.FromMinutes(15));
            offsets.Add(due.RingsAt - due.At);
            after = due.At;
        }

        Assert.True(offsets.Count > 150, $"{offsets.Count} of 200 differ");
        Assert.True(offsets.Min() < TimeSpan.FromMinutes(1) && offsets.Max() > TimeSpan.FromMinutes(14));
    }

    [Fact]
    public void A_window_longer_than_the_interval_leaves_none_out()
    {
        var times = Of("rate(1 minute)") with { Window = TimeSpan.FromMinutes(30) };
        var after = Made;
        for (var i = 1; i <= 25; i++)
        {
            var due = times.Next(after, Made.AddMinutes(25))!.Value;
            Assert.Equal(Made.AddMinutes(i), due.At);
            after = due.At;
        }
    }

    [Fact]
    public void The_same_due_time_has_the_same_event_id_and_no_other_has()
    {
        var schedule = Guid.NewGuid();
        var id = ScheduledEvent.IdOf(schedule, "target/1", Made);
        Assert.Equal(id, ScheduledEvent.IdOf(schedule, "target/1", Made));
        Guid[] others =
        [
            ScheduledEvent.IdOf(schedule, "target/2", Made), ScheduledEvent.IdOf(schedule, "target/1", Made.AddSeconds(1)),
            ScheduledEvent.IdOf(Guid.NewGuid(), "target/1", Made), ScheduledEvent.IdOf(schedule, "event", Made),
        ];
        Assert.DoesNotContain(id, others);
    }

    private static ScheduleTimes Of(string expression, DateTimeOffset? start = null) => new()
    {
        ScheduleId = new Guid("6a1f4b9e-1111-4222-8333-944455556666"),
        Expression = ScheduleExpression.Parse(expression)!,
        Frame = new ScheduleFrame(TimeZoneInfo.Utc, start ?? Made, IsFirstDue: start is not null),
        Start = start,
    };
}
