using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Fnq.Schedules;

/// <summary>A time at which a schedule is due.</summary>
/// <param name="At">By the expression: what the event names, and one half of its id.</param>
/// <param name="RingsAt">Within the flexible window after that.</param>
internal readonly record struct DueTime(DateTimeOffset At, DateTimeOffset RingsAt);

/// <summary>When one schedule is due, with its bounds and its flexible window. Pure.</summary>
internal sealed record ScheduleTimes
{
    public required Guid ScheduleId { get; init; }
    public required ScheduleExpression Expression { get; init; }
    public required ScheduleFrame Frame { get; init; }
    public DateTimeOffset? Start { get; init; }
    public DateTimeOffset? End { get; init; }

    /// <summary>Zero is exact.</summary>
    public TimeSpan Window { get; init; }

    /// <summary>
    /// What has to be done next after a due time that was dealt with. Of several that were missed (nobody was there, or a
    /// process stood still) only the last is left: it is the one that is caught up.
    /// </summary>
    public DueTime? Next(DateTimeOffset after, DateTimeOffset now)
    {
        if (NextDue(after) is not { } due)
        {
            return null;
        }

        // Within the window before now it depends on the offset of each whether it was missed.
        var passed = now - Window;
        if (due < passed)
        {
            due = LastDue(due, passed);
        }

        return new DueTime(due, due + OffsetOf(due));
    }

    private DateTimeOffset? NextDue(DateTimeOffset after)
    {
        var from = Start is { } start && start > after ? start.AddTicks(-1) : after;
        return Expression.Next(from, Frame) is { } due && !(due > End) ? due : null;
    }

    /// <summary>The last due time up to a limit. Halves the time between, since a cron expression cannot be read backwards.</summary>
    /// <param name="known">One that is not later than the limit.</param>
    /// <param name="limit">Included.</param>
    private DateTimeOffset LastDue(DateTimeOffset known, DateTimeOffset limit)
    {
        var (low, high) = (known, limit);
        while (high > low)
        {
            var middle = low + ((high - low) / 2);
            if (NextDue(middle) is { } due && due <= limit)
            {
                low = due;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>The same in every process: whoever rings first, the others ring at the same time.</summary>
    private TimeSpan OffsetOf(DateTimeOffset due)
    {
        if (Window <= TimeSpan.Zero)
        {
            return TimeSpan.Zero;
        }

        var text = string.Create(CultureInfo.InvariantCulture, $"{ScheduleId:N}/{due.ToUnixTimeSeconds()}");
        var hash = BitConverter.ToUInt32(SHA256.HashData(Encoding.ASCII.GetBytes(text)));
        return TimeSpan.FromSeconds(hash % (uint)Window.TotalSeconds);
    }
}
