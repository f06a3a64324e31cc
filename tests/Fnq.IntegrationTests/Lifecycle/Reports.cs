using System.Text.RegularExpressions;
using Xunit;

namespace Fnq.IntegrationTests.Lifecycle;

internal sealed record Report(
    string RequestId, double DurationMilliseconds, long BilledMilliseconds, int MemorySizeMb, int MaxMemoryUsedMb, double? InitMilliseconds,
    string? Status, string? ErrorType);

/// <summary>Reads the REPORT line, which has to have the exact form of AWS.</summary>
internal static partial class Reports
{
    public static Report Of(string log)
    {
        var line = Assert.Single(log.Split('\n'), line => line.StartsWith("REPORT ", StringComparison.Ordinal));
        var match = Line().Match(line);
        Assert.True(match.Success, line);
        string? Optional(string group) => match.Groups[group] is { Success: true, Value: var value } ? value : null;
        return new Report(
            match.Groups["id"].Value, double.Parse(match.Groups["duration"].Value), long.Parse(match.Groups["billed"].Value),
            int.Parse(match.Groups["memory"].Value), int.Parse(match.Groups["used"].Value),
            Optional("init") is { } init ? double.Parse(init) : null, Optional("status"), Optional("error"));
    }

    [GeneratedRegex(
        @"^REPORT RequestId: (?<id>[0-9a-f-]{36})\tDuration: (?<duration>\d+\.\d\d) ms\tBilled Duration: (?<billed>\d+) ms\tMemory Size: (?<memory>\d+) MB\tMax Memory Used: (?<used>\d+) MB\t(?:Init Duration: (?<init>\d+\.\d\d) ms\t)?(?:Status: (?<status>[a-z]+)(?:\tError Type: (?<error>[A-Za-z.]+))?)?$")]
    private static partial Regex Line();
}
