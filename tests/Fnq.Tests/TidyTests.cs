using System.Text.RegularExpressions;
using Xunit;

namespace Fnq.Tests;

/// <summary>The style guide as a test.</summary>
public sealed partial class TidyTests
{
    private const int MaxLines = 400;
    private const int MaxLineLength = 160;
    private const int MaxMethodLines = 70;

    [Fact]
    public void Files_stay_short() =>
        Assert.Empty(Offences((path, lines) => lines.Length > MaxLines ? [$"{path}: {lines.Length} lines"] : []));

    [Fact]
    public void Lines_stay_short() =>
        Assert.Empty(Offences((path, lines) => lines
            .Select((line, index) => (line, number: index + 1))
            .Where(pair => Literal().Replace(pair.line, "").Length > MaxLineLength)
            .Select(pair => $"{path}:{pair.number}: {pair.line.Length} characters")));

    [Fact]
    public void Methods_stay_short() =>
        Assert.Empty(Offences((path, lines) => LongMethods(lines).Select(method => $"{path}:{method.Line}: {method.Length} lines")));

    [Fact]
    public void Nothing_unfinished_is_left() =>
        Assert.Empty(Offences((path, lines) => lines
            .Where(line => Unfinished().IsMatch(line) && !path.EndsWith("TidyTests.cs", StringComparison.Ordinal))
            .Select(line => $"{path}: {line.Trim()}")));

    [Fact]
    public void Files_are_named_by_the_glossary() =>
        Assert.Empty(Offences((path, _) => VagueName().IsMatch(Path.GetFileName(path)) ? [path] : []));

    [Fact]
    public void Namespaces_follow_folders() =>
        Assert.Empty(Offences((path, lines) =>
        {
            var declared = lines.FirstOrDefault(line => line.StartsWith("namespace ", StringComparison.Ordinal))?["namespace ".Length..].TrimEnd(';');
            var folder = Path.GetDirectoryName(path)!.Replace('/', '.');
            return declared is null || $"src.{declared}" == folder || $"tests.{declared}" == folder ? [] : [$"{path}: {declared}"];
        }));

    private static List<string> Offences(Func<string, string[], IEnumerable<string>> check) =>
        [.. RepositoryFiles.CSharp().SelectMany(path => check(RepositoryFiles.Relative(path), File.ReadAllLines(path)))];

    /// <summary>Members are indented by four, so a block at that depth is a member's body.</summary>
    private static IEnumerable<(int Line, int Length)> LongMethods(string[] lines)
    {
        var start = -1;
        for (var i = 1; i < lines.Length; i++)
        {
            if (lines[i] == "    {" && !TypeDeclaration().IsMatch(lines[i - 1]))
            {
                start = i;
            }
            else if (lines[i] == "    }" && start >= 0)
            {
                if (i - start - 1 > MaxMethodLines)
                {
                    yield return (start, i - start - 1);
                }

                start = -1;
            }
        }
    }

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|NotImplementedException|Skip\s*=\s*""|catch\s*(\(Exception[^)]*\))?\s*\{\s*\}")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"(Manager|Helper|Helpers|Util|Utils|Utilities|Common|Base|Impl)\.cs$")]
    private static partial Regex VagueName();

    /// <summary>Text is not counted: AWS's own sentences stay on one line, so that they can be searched for.</summary>
    [GeneratedRegex("""
        "([^"\\]|\\.)*"
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Literal();

    [GeneratedRegex(@"\b(class|record|struct|interface|enum)\b")]
    private static partial Regex TypeDeclaration();
}
