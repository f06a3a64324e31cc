namespace Fnq.Execution.Sandboxes;

/// <summary>Where this host keeps its control groups: v1 (a mount per controller), v2 (one mount), or v1 beside a v2 mount without controllers.</summary>
internal sealed record CgroupLayout(
    IReadOnlyDictionary<string, string> Controllers,
    IReadOnlyList<string> Hierarchies,
    string? UnifiedMount)
{
    internal bool IsUnified => Controllers.Count == 0 && UnifiedMount is not null;

    /// <summary>crun 1.8 refuses v1 controllers beside a v2 mount, so that mount is hidden from the OCI runtime.</summary>
    internal bool IsHybrid => Controllers.Count > 0 && UnifiedMount is not null;

    /// <summary>
    /// A frozen v1 process does not act on SIGKILL. On a host the next worker thaws and removes it; a container that is
    /// killed waits for its processes for ever, and nobody is left to thaw them: there idle environments run on.
    /// </summary>
    internal bool MayFreeze => IsUnified || !IsContained;

    /// <summary>Whether this worker itself runs in a container.</summary>
    internal bool IsContained { get; init; }

    internal static CgroupLayout Detect() => Parse(File.ReadLines("/proc/self/mountinfo")) with { IsContained = !IsHostPidNamespace() };

    /// <summary>The kernel gives the first pid namespace this number, and no other.</summary>
    private static bool IsHostPidNamespace() => new FileInfo("/proc/self/ns/pid").LinkTarget == "pid:[4026531836]";

    internal static CgroupLayout Parse(IEnumerable<string> mountInfo)
    {
        var controllers = new Dictionary<string, string>(StringComparer.Ordinal);
        var hierarchies = new List<string>();
        string? unified = null;
        foreach (var line in mountInfo)
        {
            var fields = line.Split(' ');
            var separator = Array.IndexOf(fields, "-");
            if (separator < 5 || separator + 3 >= fields.Length)
            {
                continue;
            }
            var mountPoint = fields[4];
            if (fields[separator + 1] == "cgroup2")
            {
                unified = mountPoint;
            }
            else if (fields[separator + 1] == "cgroup" && !hierarchies.Contains(mountPoint))
            {
                hierarchies.Add(mountPoint);
                foreach (var option in fields[separator + 3].Split(','))
                {
                    if (Known.Contains(option))
                    {
                        controllers.TryAdd(option, mountPoint);
                    }
                }
            }
        }
        if (controllers.Count == 0 && unified is not null)
        {
            hierarchies = [unified];
        }
        return new CgroupLayout(controllers, hierarchies, unified);
    }

    /// <summary>The folder of <paramref name="path"/> where <paramref name="controller"/> is set; null when the host lacks it.</summary>
    internal string? FolderOf(string controller, string path) =>
        IsUnified ? Path.Join(UnifiedMount, path) : Controllers.TryGetValue(controller, out var mount) ? Path.Join(mount, path) : null;

    private static readonly HashSet<string> Known =
        ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls", "net_prio", "perf_event", "rdma"];
}
