using System.Text;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Fnq.Logs;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>A function's log as it lies on the disk of the shared node: channel, time and text.</summary>
internal static class StoredLog
{
    public static IReadOnlyList<string> Lines(Platform platform, string function)
    {
        var folder = LogFolders.Of(platform.DataFolder, "123456789012", "us-east-1", function);
        return Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal).SelectMany(file => File.ReadAllText(file, Encoding.Latin1).Split('\n'))]
            : [];
    }

    /// <summary>One invocation's, from its START to its REPORT.</summary>
    public static async Task<List<string>> OfAsync(Platform platform, string function, string requestId)
    {
        bool IsPlatform(string line, string text) => line.StartsWith('P') && line.Contains($" {text} RequestId: {requestId}", StringComparison.Ordinal);
        List<string> lines = [];
        await Until.TrueAsync(
            () => (lines = [.. Lines(platform, function).SkipWhile(line => !IsPlatform(line, "START"))]).Exists(line => IsPlatform(line, "REPORT")),
            "the log holds the run");
        return [.. lines.Take(lines.FindIndex(line => IsPlatform(line, "REPORT")) + 1)];
    }
}
