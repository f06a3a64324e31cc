using System.Globalization;

namespace Fnq.Schedules;

/// <summary>The values that one field of a cron expression allows, out of a range of numbers that may have names.</summary>
internal sealed class CronField
{
    private readonly bool[] _allowed;

    private CronField(bool[] allowed) => _allowed = allowed;

    public bool Allows(int value) => value < _allowed.Length && _allowed[value];

    /// <summary>A list of values, ranges and steps. Null for anything else.</summary>
    /// <param name="text">In capitals.</param>
    /// <param name="minimum">The least value; also the first of <paramref name="names"/>.</param>
    /// <param name="maximum">The greatest value.</param>
    /// <param name="names">In the order of their values; may be empty.</param>
    public static CronField? Parse(string text, int minimum, int maximum, params string[] names)
    {
        var allowed = new bool[maximum + 1];
        foreach (var part in text.Split(','))
        {
            if (!TryAllow(part, allowed, minimum, names))
            {
                return null;
            }
        }

        return new CronField(allowed);
    }

    public static int? Number(string text, int minimum, int maximum, params string[] names)
    {
        var name = Array.IndexOf(names, text);
        var value = name >= 0 ? minimum + name : Digits(text);
        return value >= minimum && value <= maximum ? value : null;
    }

    private static bool TryAllow(string part, bool[] allowed, int minimum, string[] names)
    {
        var maximum = allowed.Length - 1;
        var (range, step) = part.Split('/') switch
        {
            [var all] => (all, (int?)null),
            [var start, var width] => (start, Number(width, 1, maximum)),
            _ => ("", null),
        };
        if (part.Contains('/') && step is null)
        {
            return false;
        }

        // A start with a step goes on to the end, a lone value is one value.
        var (first, last) = range.Split('-') switch
        {
            ["*"] => (minimum, (int?)maximum),
            [var one] => (Number(one, minimum, maximum, names), step is null ? Number(one, minimum, maximum, names) : maximum),
            [var from, var to] => (Number(from, minimum, maximum, names), Number(to, minimum, maximum, names)),
            _ => ((int?)null, null),
        };
        if (first is not { } value || last is not { } end || value > end)
        {
            return false;
        }

        for (; value <= end; value += step ?? 1)
        {
            allowed[value] = true;
        }

        return true;
    }

    private static int? Digits(string text) =>
        text.Length is > 0 and <= 4 && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
