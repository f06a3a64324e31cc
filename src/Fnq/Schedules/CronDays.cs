namespace Fnq.Schedules;

/// <summary>The days of a cron expression: of its two fields one is <c>?</c>, and the other says which days.</summary>
internal static class CronDays
{
    private const int LastDayOfMonth = 31;
    private const int Saturday = 7;
    private static readonly string[] Names = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

    /// <summary>Null when the two fields do not fit together or one is wrong.</summary>
    public static Func<DateTime, bool>? Parse(string dayOfMonth, string dayOfWeek) => (dayOfMonth, dayOfWeek) switch
    {
        ("?", "?") => null,
        (_, "?") => OfMonth(dayOfMonth),
        ("?", _) => OfWeek(dayOfWeek),
        _ => null,
    };

    private static Func<DateTime, bool>? OfMonth(string text)
    {
        if (text == "L")
        {
            return day => day.Day == DaysIn(day);
        }

        if (text is [.. var number, 'W'])
        {
            return CronField.Number(number, 1, LastDayOfMonth) is { } target ? day => day.Day == NearestWeekday(day, target) : null;
        }

        return CronField.Parse(text, 1, LastDayOfMonth) is { } field ? day => field.Allows(day.Day) : null;
    }

    private static Func<DateTime, bool>? OfWeek(string text)
    {
        if (text is [.. var last, 'L'])
        {
            // A lone L is the last day of a week, which is Saturday.
            return last.Length == 0 ? day => OfWeek(day) == Saturday
                : Number(last) is { } weekday ? day => OfWeek(day) == weekday && day.Day > DaysIn(day) - 7
                : null;
        }

        if (text.Split('#') is [var name, var count])
        {
            return (Number(name), CronField.Number(count, 1, 5)) is ({ } weekday, { } nth)
                ? day => OfWeek(day) == weekday && (day.Day + 6) / 7 == nth
                : null;
        }

        return CronField.Parse(text, 1, Saturday, Names) is { } field ? day => field.Allows(OfWeek(day)) : null;
    }

    private static int? Number(string text) => CronField.Number(text, 1, Saturday, Names);

    private static int OfWeek(DateTime day) => (int)day.DayOfWeek + 1;

    private static int DaysIn(DateTime day) => DateTime.DaysInMonth(day.Year, day.Month);

    /// <summary>The weekday that is nearest to a day without leaving its month; 0 where the month has no such day.</summary>
    private static int NearestWeekday(DateTime month, int target)
    {
        var days = DaysIn(month);
        return target > days ? 0 : new DateTime(month.Year, month.Month, target).DayOfWeek switch
        {
            DayOfWeek.Saturday => target == 1 ? 3 : target - 1,
            DayOfWeek.Sunday => target == days ? target - 2 : target + 1,
            _ => target,
        };
    }
}
