using System.Text.Json;
using System.Text.Json.Serialization;
using Npgsql;

namespace Fnq.Billing;

/// <summary><c>fnq usage [--function NAME] [--json]</c>.</summary>
internal static class UsageCommand
{
    public static async Task<int> RunAsync(
        NpgsqlDataSource source, string? function, bool json, TextWriter output, CancellationToken cancellationToken = default)
    {
        var usage = await new UsageQuery(source).FunctionsAsync(function, cancellationToken);
        if (json)
        {
            var rows = usage.Select(row => new UsageJson(Name(row, usage), row.Invocations, row.BilledMilliseconds, Rounded(row))).ToArray();
            await output.WriteLineAsync(JsonSerializer.Serialize(rows, UsageJsonContext.Default.UsageJsonArray));
            return 0;
        }

        foreach (var line in Table(usage))
        {
            await output.WriteLineAsync(line);
        }

        return 0;
    }

    private static IEnumerable<string> Table(List<FunctionUsage> usage)
    {
        string[] head = ["FUNCTION", "INVOCATIONS", "BILLED MS", "GB-SECONDS", "LOST"];
        List<string[]> rows = [head, .. usage.Select(row => new[]
        {
            Name(row, usage), $"{row.Invocations}", $"{row.BilledMilliseconds}", $"{row.GbSeconds:F6}", $"{row.Lost}",
        })];
        var widths = head.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        return rows.Select(row => string.Join("  ", row.Select((cell, column) =>
            column == 0 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))));
    }

    /// <summary>The bare name, and the ARN only where several accounts or regions have a function of that name.</summary>
    private static string Name(FunctionUsage row, List<FunctionUsage> all) =>
        all.Count(other => other.Function == row.Function) == 1 ? row.Function : row.Arn;

    private static double Rounded(FunctionUsage row) => (double)Math.Round(row.GbSeconds, 9);
}

internal sealed record UsageJson(string Function, long Invocations, long BilledMs, double GbSeconds);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(UsageJson[]))]
internal sealed partial class UsageJsonContext : JsonSerializerContext;
