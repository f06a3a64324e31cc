using System.Text;

namespace Fnq.Functions.Packages;

/// <summary>
/// Names that are different here and one name elsewhere: by case, by dots or spaces at the end of a segment, or by how
/// accents are written. A package with both means different things to two readers.
/// </summary>
internal static class PackageTwins
{
    /// <summary>Stands for one letter with its accents, whatever they are.</summary>
    private const char Accented = '\uffff';
    private const int ComparisonBudget = 1_000_000;

    public static void Refuse(IEnumerable<string> paths)
    {
        var folded = new HashSet<string>(StringComparer.Ordinal);
        var byShape = new Dictionary<string, Alike>(StringComparer.Ordinal);
        var budget = ComparisonBudget;
        foreach (var path in paths)
        {
            var name = Fold(path);
            if (!folded.Add(name))
            {
                throw PackageException.Unreadable($"'{path}' is there twice, in two spellings");
            }

            if (Ascii.IsValid(name))
            {
                continue;
            }

            var (shape, hasMarks) = ShapeOf(name);
            if (!byShape.TryGetValue(shape, out var alike))
            {
                byShape[shape] = alike = new Alike([], []);
            }

            // Twins are written in two ways, so that one of them has marks.
            var others = hasMarks ? alike.All : alike.Marked;
            budget -= others.Count;
            if (budget < 0 || others.Exists(other => AreTwins(name, other)))
            {
                throw PackageException.Unreadable($"'{path}' is there twice, with accents written in two ways");
            }

            alike.All.Add(name);
            (hasMarks ? alike.Marked : []).Add(name);
        }
    }

    private static string Fold(string path) =>
        string.Join('/', path.Split('/').Select(segment => segment.TrimEnd('.', ' '))).ToUpperInvariant();

    private static (string Shape, bool HasMarks) ShapeOf(string name)
    {
        var shape = new StringBuilder(name.Length);
        var hasMarks = false;
        for (var rest = name.AsSpan(); !rest.IsEmpty;)
        {
            var letter = TakeLetter(ref rest, out var accents);
            hasMarks |= accents == Accents.Apart;
            shape.Append(accents == Accents.None ? letter[0] : Accented);
        }

        return (shape.ToString(), hasMarks);
    }

    /// <summary>
    /// Of one shape: every letter is the same, or has marks behind it in one name and may have them built in in the other.
    /// Which such pairs really are equal takes Unicode's tables, which this process has not (invariant globalization), so
    /// é in one character beside è in two counts as well; no file system writes both.
    /// </summary>
    private static bool AreTwins(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        while (!one.IsEmpty)
        {
            ReadOnlySpan<char> mine = TakeLetter(ref one, out var myAccents), theirs = TakeLetter(ref other, out var theirAccents);
            if (!mine.SequenceEqual(theirs) && myAccents == theirAccents)
            {
                return false;
            }
        }

        return true;
    }

    private static ReadOnlySpan<char> TakeLetter(ref ReadOnlySpan<char> rest, out Accents accents)
    {
        var length = 1;
        while (length < rest.Length && IsMark(rest[length]))
        {
            length++;
        }

        var letter = rest[..length];
        accents = length > 1 ? Accents.Apart : !char.IsAscii(letter[0]) && char.IsLetter(letter[0]) ? Accents.BuiltIn : Accents.None;
        rest = rest[length..];
        return letter;
    }

    /// <summary>What composes: diacritics, Japanese voicing, the vowels and finals of Korean syllables.</summary>
    private static bool IsMark(char c) => c is (>= '\u0300' and <= '\u036f') or '\u3099' or '\u309a' or (>= '\u1161' and <= '\u11ff');

    private sealed record Alike(List<string> All, List<string> Marked);

    private enum Accents
    {
        None,
        BuiltIn,
        Apart,
    }
}
