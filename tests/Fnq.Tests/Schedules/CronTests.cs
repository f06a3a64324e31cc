using System.Globalization;
using Fnq.Schedules;
using Xunit;

namespace Fnq.Tests.Schedules;

/// <summary>AWS's cron: which texts are expressions, and when they are due.</summary>
public sealed class CronTests
{
    [Theory]
    [InlineData("0 12 * * ? *", "2026-01-01T12:00", "2026-01-02T12:00", "2026-01-03T12:00")]
    [InlineData("15,45 8-10/2 * * ? *", "2026-01-01T08:15", "2026-01-01T08:45", "2026-01-01T10:15")]
    [InlineData("0/20 0 1 * ? *", "2026-01-01T00:20", "2026-01-01T00:40", "2026-02-01T00:00")]
    [InlineData("*/30 23 31 * ? *", "2026-01-31T23:00", "2026-01-31T23:30", "2026-03-31T23:00")]
    [InlineData("0 9 ? * MON-FRI *", "2026-01-01T09:00", "2026-01-02T09:00", "2026-01-05T09:00")]
    [InlineData("0 9 ? * 2 *", "2026-01-05T09:00", "2026-01-12T09:00", "2026-01-19T09:00")]
    [InlineData("0 9 ? jan,JUL sat *", "2026-01-03T09:00", "2026-01-10T09:00", "2026-01-17T09:00")]
    [InlineData("0 0 L * ? *", "2026-01-31T00:00", "2026-02-28T00:00", "2026-03-31T00:00")]
    [InlineData("0 0 ? * L *", "2026-01-03T00:00", "2026-01-10T00:00", "2026-01-17T00:00")]
    [InlineData("0 0 ? * 6L *", "2026-01-30T00:00", "2026-02-27T00:00", "2026-03-27T00:00")]
    [InlineData("0 0 ? * FRIL *", "2026-01-30T00:00", "2026-02-27T00:00", "2026-03-27T00:00")]
    [InlineData("0 0 ? * 3#2 *", "2026-01-13T00:00", "2026-02-10T00:00", "2026-03-10T00:00")]
    [InlineData("0 0 ? * SUN#5 *", "2026-03-29T00:00", "2026-05-31T00:00", "2026-08-30T00:00")]
    [InlineData("0 0 3W * ? *", "2026-01-02T00:00", "2026-02-03T00:00", "2026-03-03T00:00")]
    [InlineData("0 0 1W * ? *", "2026-02-02T00:00", "2026-03-02T00:00", "2026-04-01T00:00")]
    [InlineData("0 0 31W * ? *", "2026-01-30T00:00", "2026-03-31T00:00", "2026-05-29T00:00")]
    [InlineData("59 23 31 12 ? *", "2026-12-31T23:59", "2027-12-31T23:59", "2028-12-31T23:59")]
    [InlineData("0 0 29 2 ? *", "2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00")]
    [InlineData("0 0 29 2 ? 2096-2104", "2096-02-29T00:00", "2104-02-29T00:00", null)]
    [InlineData("0 0 1 1 ? 2199", "2199-01-01T00:00", null, null)]
    [InlineData("0 0 1 1 ? 2020", null, null, null)]
    public void Is_due(string fields, params string?[] due)
    {
        var after = Utc("2026-01-01T00:00");
        foreach (var expected in due)
        {
            var next = Next($"cron({fields})", after, "UTC");
            Assert.Equal(expected is null ? null : Utc(expected), next);
            after = next ?? after;
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("cron()")]
    [InlineData("cron(* * * * *)")]
    [InlineData("cron(* * * * * *)")]
    [InlineData("cron(* * ? * ? *)")]
    [InlineData("cron(0 12 * * ? * *)")]
    [InlineData("cron(60 * * * ? *)")]
    [InlineData("cron(* 24 * * ? *)")]
    [InlineData("cron(* * 0 * ? *)")]
    [InlineData("cron(* * 32 * ? *)")]
    [InlineData("cron(* * * 13 ? *)")]
    [InlineData("cron(* * ? * 0 *)")]
    [InlineData("cron(* * ? * 8 *)")]
    [InlineData("cron(* * ? * 2#6 *)")]
    [InlineData("cron(* * ? * #2 *)")]
    [InlineData("cron(* * * * ? 1969)")]
    [InlineData("cron(* * * * ? 9999)")]
    [InlineData("cron(0/0 * * * ? *)")]
    [InlineData("cron(5/ * * * ? *)")]
    [InlineData("cron(30-10 * * * ? *)")]
    [InlineData("cron(1, * * * ? *)")]
    [InlineData("cron(-1 * * * ? *)")]
    [InlineData("cron(+1 * * * ? *)")]
    [InlineData("cron(1-2-3 * * * ? *)")]
    [InlineData("cron(? * * * ? *)")]
    [InlineData("cron(0 0 W * ? *)")]
    [InlineData("cron(0 0 30 2 ? *)")]
    [InlineData("cron(0 0 31 4,6,9,11 ? *)")]
    [InlineData("cron(0 12 * * ? *) ")]
    [InlineData("CRON(0 12 * * ? *)")]
    [InlineData("cron(0 12 * * ? *")]
    [InlineData("0 12 * * ? *")]
    [InlineData("rate(0 minutes)")]
    [InlineData("rate(1 minutes)")]
    [InlineData("rate(5 minute)")]
    [InlineData("rate(5 minutess)")]
    [InlineData("rate(-5 minutes)")]
    [InlineData("rate(5 seconds)")]
    [InlineData("rate(5  minutes)")]
    [InlineData("rate(99999999 days)")]
    [InlineData("rate(99999999999999999999 days)")]
    [InlineData("at(2026-02-30T00:00:00)")]
    [InlineData("at(2026-01-01T00:00)")]
    [InlineData("at(2026-01-01T00:00:00Z)")]
    [InlineData("at(9999-12-31T23:59:59)")]
    public void Is_no_expression(string text) => Assert.Null(ScheduleExpression.Parse(text));

    /// <summary>Europe/Berlin leaves out 02:00 to 03:00 on 2026-03-29 and has it twice on 2026-10-25.</summary>
    [Theory]
    [InlineData("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T00:00", "2026-03-28T01:30", "2026-03-30T00:30", "2026-03-31T00:30")]
    [InlineData("cron(0 3 * * ? *)", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T01:00", "2026-03-30T01:00", "2026-03-31T01:00")]
    [InlineData("cron(0/30 * * * ? *)", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30")]
    [InlineData("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T00:30", "2026-10-26T01:30", "2026-10-27T01:30")]
    [InlineData("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:45", "2026-10-26T01:30", "2026-10-27T01:30", "2026-10-28T01:30")]
    [InlineData("cron(0/30 * * * ? *)", "Europe/Berlin", "2026-10-24T23:45", "2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T02:00")]
    [InlineData("cron(30 1 * * ? *)", "America/New_York", "2026-10-31T12:00", "2026-11-01T05:30", "2026-11-02T06:30", "2026-11-03T06:30")]
    [InlineData("cron(15 2 8 3 ? *)", "America/New_York", "2026-01-01T00:00", "2027-03-08T07:15", "2028-03-08T07:15", "2029-03-08T07:15")]
    [InlineData("cron(45 1 * * ? *)", "Australia/Lord_Howe", "2026-04-03T20:00", "2026-04-04T14:45", "2026-04-05T15:15", "2026-04-06T15:15")]
    [InlineData("cron(0 0 * * ? *)", "America/Santiago", "2026-09-05T12:00", "2026-09-07T03:00", "2026-09-08T03:00", "2026-09-09T03:00")]
    [InlineData("cron(0 0 * * ? *)", "Asia/Kolkata", "2026-01-01T00:00", "2026-01-01T18:30", "2026-01-02T18:30", "2026-01-03T18:30")]
    [InlineData("cron(0 0 29 2 ? *)", "Pacific/Auckland", "2026-01-01T00:00", "2028-02-28T11:00", "2032-02-28T11:00", "2036-02-28T11:00")]
    [InlineData("cron(59 23 31 12 ? *)", "Pacific/Kiritimati", "2026-01-01T00:00", "2026-12-31T09:59", "2027-12-31T09:59", "2028-12-31T09:59")]
    [InlineData("at(2026-03-29T02:30:00)", "Europe/Berlin", "2026-01-01T00:00", null, null)]
    [InlineData("at(2026-10-25T02:30:00)", "Europe/Berlin", "2026-01-01T00:00", "2026-10-25T00:30", null)]
    public void Follows_the_clock_of_its_zone(string expression, string zone, string from, params string?[] due)
    {
        var after = Utc(from);
        foreach (var expected in due)
        {
            var next = Next(expression, after, zone);
            Assert.Equal(expected is null ? null : Utc(expected), next);
            after = next ?? after;
        }
    }

    [Theory]
    [InlineData("UTC", true)]
    [InlineData("Europe/Berlin", true)]
    [InlineData("America/Argentina/Buenos_Aires", true)]
    [InlineData("Etc/GMT+5", true)]
    [InlineData("America", false)]
    [InlineData("Mars/Olympus", false)]
    [InlineData("Pacific Standard Time", false)]
    [InlineData("../../etc/passwd", false)]
    [InlineData("/etc/localtime", false)]
    [InlineData("Europe/../Europe/Berlin", false)]
    [InlineData("Europe/Berlin\0", false)]
    [InlineData("", false)]
    public void Zone_is_known_by_its_iana_name(string name, bool isKnown) => Assert.Equal(isKnown, LocalTime.FindZone(name) is not null);

    private static DateTimeOffset? Next(string expression, DateTimeOffset after, string zone) =>
        ScheduleExpression.Parse(expression)!.Next(after, new ScheduleFrame(LocalTime.FindZone(zone)!, after, IsFirstDue: false));

    private static DateTimeOffset Utc(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
}
