using System.Globalization;

namespace Fnq.Logs;

/// <summary>Names one environment's log stream as AWS does, and the file that holds it.</summary>
internal readonly record struct LogStreamName(DateOnly Day, string Version, string EnvironmentId)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Day:yyyy/MM/dd}/[{Version}]{EnvironmentId}");

    public string FileName => string.Create(CultureInfo.InvariantCulture, $"{Day:yyyy-MM-dd}_{Version}_{EnvironmentId}.log");

    /// <summary>Null for a file that is no log stream.</summary>
    public static LogStreamName? FromFileName(string fileName)
    {
        var parts = Path.GetFileNameWithoutExtension(fileName).Split('_');
        return parts.Length == 3 && DateOnly.TryParseExact(parts[0], "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? new LogStreamName(day, parts[1], parts[2])
            : null;
    }
}

/// <summary>Where the logs of a function lie under the data folder.</summary>
internal static class LogFolders
{
    public static string Of(string dataFolder, string account, string region, string function)
    {
        foreach (var part in (ReadOnlySpan<string>)[account, region, function])
        {
            if (part.Length == 0 || part.StartsWith('.') || part.Contains('/', StringComparison.Ordinal) || part.Contains('\0', StringComparison.Ordinal))
            {
                throw new ArgumentException($"'{part}' cannot name a log folder");
            }
        }

        return Path.Combine(dataFolder, "logs", account, region, function);
    }
}
