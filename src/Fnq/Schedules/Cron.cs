namespace Fnq.Schedules;

/// <summary>
/// AWS's cron with six fields: minute, hour, day of month, month, day of week (1 is SUN), year. Times of day are those of a
/// zone: one that a change of clocks leaves out is left out, one that comes twice is due the first time only.
/// </summary>
internal sealed class Cron : ScheduleExpression
{
    private const int FirstYear = 1970;
    private const int LastYear = 2199;
    private static readonly string[] Months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    private readonly CronField _minutes;
    private readonly CronField _hours;
    private readonly Func<DateTime, bool> _days;
    private readonly CronField _months;
    private readonly CronField _years;

    private Cron(CronField minutes, CronField hours, Func<DateTime, bool> days, CronField months, CronField years) =>
        (_minutes, _hours, _days, _months, _years) = (minutes, hours, days, months, years);

    /// <param name="text">What stands between the parentheses.</param>
    /// <returns>Null when it is no such expression, or one that is never due in any year.</returns>
    public static Cron? ParseFields(string text)
    {
        if (text.ToUpperInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries)
            is not [var minutes, var hours, var dayOfMonth, var months, var dayOfWeek, var years])
        {
            return null;
        }

        var cron = CronField.Parse(minutes, 0, 59) is { } minute && CronField.Parse(hours, 0, 23) is { } hour
            && CronDays.Parse(dayOfMonth, dayOfWeek) is { } days
            && CronField.Parse(months, 1, 12, Months) is { } month && CronField.Parse(years, FirstYear, LastYear) is { } year
                ? new Cron(minute, hour, days, month, year)
                : null;
        return cron?.NextLocal(new DateTime(FirstYear, 1, 1)) is null ? null : cron;
    }

    public override DateTimeOffset? Next(DateTimeOffset after, ScheduleFrame frame)
    {
        var local = TimeZoneInfo.ConvertTime(after, frame.Zone).DateTime;
        var from = new DateTime(local.Year, local.Month, local.Day, local.Hour, local.Minute, 0);
        while (NextLocal(from) is { } next)
        {
            if (LocalTime.FirstInstant(next, frame.Zone) is { } due && due > after)
            {
                return due;
            }

            from = next.AddMinutes(1);
        }

        return null;
    }

    /// <summary>The first minute from here on, by the clock on the wall.</summary>
    private DateTime? NextLocal(DateTime from)
    {
        while (from.Year <= LastYear)
        {
            if (!_years.Allows(from.Year))
            {
                from = new DateTime(from.Year + 1, 1, 1);
            }
            else if (!_months.Allows(from.Month))
            {
                from = new DateTime(from.Year, from.Month, 1).AddMonths(1);
            }
            else if (!_days(from))
            {
                from = from.Date.AddDays(1);
            }
            else if (!_hours.Allows(from.Hour))
            {
                from = from.Date.AddHours(from.Hour + 1);
            }
            else if (!_minutes.Allows(from.Minute))
            {
                from = from.AddMinutes(1);
            }
            else
            {
                return from;
            }
        }

        return null;
    }
}
