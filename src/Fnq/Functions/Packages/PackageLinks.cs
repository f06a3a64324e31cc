namespace Fnq.Functions.Packages;

/// <summary>
/// Follows every link as the kernel would, through other links too: checking the text of a target alone
/// misses <c>x -> d/l/..</c> where <c>d/l -> ..</c>.
/// </summary>
internal static class PackageLinks
{
    private const int StepBudget = 500_000;

    public static void Check(IReadOnlyDictionary<string, string> targets)
    {
        if (targets.Count > PackageLimits.Links)
        {
            throw PackageException.Unreadable("too many links");
        }

        var steps = StepBudget;
        foreach (var (path, target) in targets)
        {
            Resolve(path, target, targets, ref steps);
        }
    }

    private static void Resolve(string path, string target, IReadOnlyDictionary<string, string> targets, ref int steps)
    {
        var at = path.Split('/').SkipLast(1).ToList();
        var pending = new Stack<string>();
        Push(pending, target);
        var hops = 1;
        while (pending.TryPop(out var segment))
        {
            if (--steps < 0 || hops > PackageLimits.LinkHops)
            {
                throw PackageException.Unreadable($"link '{path}' does not end");
            }

            if (segment is "" or ".")
            {
                continue;
            }

            if (segment == "..")
            {
                if (at.Count == 0)
                {
                    throw PackageException.Unreadable($"link '{path}' leads out of the package");
                }

                at.RemoveAt(at.Count - 1);
                continue;
            }

            at.Add(segment);
            if (targets.TryGetValue(string.Join('/', at), out var next))
            {
                at.RemoveAt(at.Count - 1);
                Push(pending, next);
                hops++;
            }
        }
    }

    private static void Push(Stack<string> pending, string target)
    {
        if (target.Length == 0 || target[0] == '/' || target.Contains('\0'))
        {
            throw PackageException.Unreadable("a link is empty or absolute");
        }

        foreach (var segment in target.Split('/').Reverse())
        {
            pending.Push(segment);
        }
    }
}
