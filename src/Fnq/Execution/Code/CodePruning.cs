using Fnq.Execution.Sandboxes;

namespace Fnq.Execution.Code;

/// <summary>
/// Holds the cache to its bound: the packages that were asked for least recently go first, and of those only such as
/// nobody uses, which an exclusive lock on the package's lock file proves. One process of the folder prunes at a time.
/// </summary>
internal sealed class CodePruning(string folder, string drafts, long maxBytes)
{
    private const string Gate = "prune";

    public void Run()
    {
        using var mine = CodeUse.TryLock(Path.Join(drafts, Gate), Native.LockExclusive);
        if (mine is null)
        {
            return;
        }

        var packages = Measure();
        foreach (var package in CodeEviction.Choose(packages, maxBytes))
        {
            Remove(package.Folder);
        }

        // Of extractions that failed.
        foreach (var alone in Directory.EnumerateFiles(folder, "*" + CodeUse.Suffix).Select(path => path[..^CodeUse.Suffix.Length]))
        {
            if (!Directory.Exists(alone))
            {
                Remove(alone);
            }
        }
    }

    private List<CachedPackage> Measure() =>
    [
        .. Directory.EnumerateDirectories(folder)
            .Where(package => package != drafts)
            .Select(package => new CachedPackage(package, SizeOf(package), File.GetLastWriteTimeUtc(package + CodeUse.Suffix))),
    ];

    private static long SizeOf(string package) =>
        File.Exists(package + CodeUse.Suffix) && CodeUse.BytesOf(package) is { } noted ? noted : PackageExtraction.Measure(package);

    private void Remove(string package)
    {
        using var nobodys = CodeUse.TryLock(package, Native.LockExclusive);
        if (nobodys is null)
        {
            return;
        }

        using var draft = Directory.Exists(package) ? new CodeDraft(drafts, Path.GetFileName(package)) : null;
        draft?.TakeOver(package);

        // While it is locked: whoever waits for it sees that it has lost its name.
        File.Delete(package + CodeUse.Suffix);
        nobodys.Dispose();
    }
}

/// <param name="Bytes">On the disk.</param>
/// <param name="AskedFor">When it was last asked for.</param>
internal sealed record CachedPackage(string Folder, long Bytes, DateTime AskedFor);

/// <summary>Which packages have to go, pure.</summary>
internal static class CodeEviction
{
    /// <summary>
    /// Least recently asked for first, lazily: whoever removes them stops asking once the rest fits, and passes over those
    /// that are in use. What could not be removed does not count as gone, so the next one is offered in its place.
    /// </summary>
    public static IEnumerable<CachedPackage> Choose(IReadOnlyCollection<CachedPackage> packages, long maxBytes, Func<CachedPackage, bool>? isGone = null)
    {
        isGone ??= static package => !Directory.Exists(package.Folder);
        var total = packages.Sum(package => package.Bytes);
        foreach (var package in packages.OrderBy(package => package.AskedFor))
        {
            if (total <= maxBytes)
            {
                yield break;
            }

            yield return package;
            if (isGone(package))
            {
                total -= package.Bytes;
            }
        }
    }
}
