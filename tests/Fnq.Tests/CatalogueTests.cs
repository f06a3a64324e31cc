using System.Text.RegularExpressions;
using Xunit;

namespace Fnq.Tests;

/// <summary>
/// Each attack of the catalogue has a test that is named by its row, or a reason why it has none yet, and stands in the
/// table of src/README.md with the class that holds its test.
/// </summary>
public sealed partial class CatalogueTests
{
    private const int FunctionRows = 39;
    private const int ApiRows = 37;
    private static readonly string Folder = Path.Combine(RepositoryFiles.Root, "tests", "Fnq.IntegrationTests", "Isolation");

    private static readonly string[] Rows =
        [.. Enumerable.Range(1, FunctionRows).Select(number => $"H{number:00}"), .. Enumerable.Range(1, ApiRows).Select(number => $"A{number:00}")];

    [Fact]
    public void Every_row_has_a_test_or_a_reason_why_not_yet() =>
        Assert.Empty(Rows.Except(Tested().Select(test => test.Row)).Except(Pending().Keys));

    [Fact]
    public void A_row_that_waits_has_a_reason_and_no_test()
    {
        Assert.All(Pending(), row => Assert.True(row.Value.Length > 20, $"{row.Key}: {row.Value}"));
        Assert.Empty(Pending().Keys.Intersect(Tested().Select(test => test.Row)));
        Assert.Empty(Pending().Keys.Except(Rows));
    }

    [Fact]
    public void The_table_names_the_class_of_every_row()
    {
        var tests = Tested().ToLookup(test => test.Row, test => test.Class);
        var table = TableLine().Matches(File.ReadAllText(Path.Combine(RepositoryFiles.Root, "src", "README.md")))
            .ToDictionary(line => $"{line.Groups["kind"].Value}{int.Parse(line.Groups["number"].Value):00}", line => line.Groups["tests"].Value);
        Assert.Empty(Rows.Except(table.Keys));
        Assert.All(table, line => Assert.True(
            Pending().ContainsKey(line.Key) ? line.Value.StartsWith("pending", StringComparison.Ordinal) : tests[line.Key].Any(line.Value.Split(", ").Contains),
            $"{line.Key}: the table says '{line.Value}', the tests are in {string.Join(", ", tests[line.Key].Distinct())}"));
    }

    private static IEnumerable<(string Row, string Class)> Tested() => Directory.EnumerateFiles(Folder, "*.cs", SearchOption.AllDirectories).SelectMany(file =>
        TestMethod().Matches(File.ReadAllText(file)).Select(method => (method.Groups["row"].Value, Path.GetFileName(file).Split('.')[0])));

    private static Dictionary<string, string> Pending()
    {
        var file = Path.Combine(Folder, "PendingRows.cs");
        var reasons = File.Exists(file) ? ReasonList().Match(File.ReadAllText(file)).Value : "";
        return Reason().Matches(reasons).ToDictionary(entry => entry.Groups["row"].Value, entry => entry.Groups["reason"].Value);
    }

    [GeneratedRegex(@"public (?:async )?(?:Task|void) (?<row>[HA]\d\d)_\w+\(")]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"Reasons\b.*?\};", RegexOptions.Singleline)]
    private static partial Regex ReasonList();

    [GeneratedRegex(@"\[""(?<row>[HA]\d\d)""\] = ""(?<reason>[^""]*)""")]
    private static partial Regex Reason();

    [GeneratedRegex(@"^\| (?<kind>[HA])(?<number>\d+) \|.*\| (?<tests>[^|]+) \|$", RegexOptions.Multiline)]
    private static partial Regex TableLine();
}
