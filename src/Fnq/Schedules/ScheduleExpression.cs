using System.Globalization;

namespace Fnq.Schedules;

/// <summary>What an expression is read against.</summary>
/// <param name="Zone">Whose clock cron and at mean.</param>
/// <param name="Anchor">Rates count from here.</param>
/// <param name="IsFirstDue">The anchor itself is due: a start that was asked for.</param>
internal readonly record struct ScheduleFrame(TimeZoneInfo Zone, DateTimeOffset Anchor, bool IsFirstDue);

/// <summary>When a schedule is due: cron, rate or at. Pure.</summary>
internal abstract class ScheduleExpression
{
    public const int MaxLength = 256;

    /// <summary>The first due time that is later than another; null when there is none.</summary>
    public abstract DateTimeOffset? Next(DateTimeOffset after, ScheduleFrame frame);

    /// <summary>Null for what is no expression, and for one that can never be due.</summary>
    public static ScheduleExpression? Parse(string text)
    {
        if (text.Length > MaxLength || text is not [.. var head, ')'] || head.Split('(') is not [var kind, var inner])
        {
            return null;
        }

        return kind switch
        {
            "cron" => Cron.ParseFields(inner),
            "rate" => Rate.ParseInterval(inner),
            "at" => At.ParseTime(inner),
            _ => null,
        };
    }
}

/// <summary><c>rate(5 minutes)</c>: every so often, by elapsed time.</summary>
internal sealed class Rate(TimeSpan interval) : ScheduleExpression
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(36_500);

    public static Rate? ParseInterval(string text)
    {
        if (text.Split(' ') is not [var number, var unit] || number.Length > 9
            || !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count < 1)
        {
            return null;
        }

        // As AWS has it: one minute, two minutes.
        var one = unit switch
        {
            _ when unit.EndsWith('s') != count > 1 => TimeSpan.Zero,
            "minute" or "minutes" => TimeSpan.FromMinutes(1),
            "hour" or "hours" => TimeSpan.FromHours(1),
            "day" or "days" => TimeSpan.FromDays(1),
            _ => TimeSpan.Zero,
        };
        return one > TimeSpan.Zero && one <= Longest / count ? new Rate(one * count) : null;
    }

    public override DateTimeOffset? Next(DateTimeOffset after, ScheduleFrame frame)
    {
        var first = frame.IsFirstDue ? frame.Anchor : frame.Anchor + interval;
        return after < first ? first : first + (interval * (((after - first).Ticks / interval.Ticks) + 1));
    }
}

/// <summary><c>at(2026-03-29T02:30:00)</c>: once. A time that a change of clocks leaves out is never due.</summary>
internal sealed class At(DateTime time) : ScheduleExpression
{
    public static At? ParseTime(string text) =>
        DateTime.TryParseExact(text, "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
            && time.Year is >= 1970 and <= 2199
                ? new At(time)
                : null;

    public override DateTimeOffset? Next(DateTimeOffset after, ScheduleFrame frame) =>
        LocalTime.FirstInstant(time, frame.Zone) is { } due && due > after ? due : null;
}
