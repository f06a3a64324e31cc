using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>The deadline of its run that a function has printed as <c>DEADLINE seconds</c>, on the clock that both sides share.</summary>
internal static partial class Deadlines
{
    public static DateTimeOffset Of(string log)
    {
        var match = Line().Match(log);
        Assert.True(match.Success, $"no deadline in the log: {log}");
        return DateTimeOffset.UnixEpoch.AddSeconds(double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex("DEADLINE ([0-9.]+)")]
    private static partial Regex Line();
}
