using Fnq.Execution.Sandboxes;

namespace Fnq.IntegrationTests.Faults;

/// <summary>What the kernel still shows of one worker's sandboxes, by its process id. Empty when nothing is left.</summary>
internal static class HostLeftovers
{
    private const string State = "/run/fnq";

    public static IReadOnlyList<string> Of(int workerPid)
    {
        var owners = Names($"{State}/owners").Concat(Names($"{State}/sandboxes")).Concat(SlotOwners())
            .Where(name => name.StartsWith($"{workerPid}-", StringComparison.Ordinal)).Select(name => string.Join('-', name.Split('-').Take(2)))
            .Concat(CgroupOwners(workerPid)).ToHashSet();
        return owners.Count == 0 ? [] :
        [
            .. Names($"{State}/owners").Where(owners.Contains).Select(name => $"owner {name}"),
            .. Names($"{State}/sandboxes").Where(name => owners.Any(owner => name.StartsWith(owner, StringComparison.Ordinal))).Select(name => $"bundle {name}"),
            .. SlotOwners().Where(owners.Contains).Select(name => $"slot of {name}"),
            .. CgroupFolders(owners).Select(folder => $"control group {folder}"),
            .. File.ReadLines("/proc/self/mountinfo").Where(line => owners.Any(owner => line.Contains(owner, StringComparison.Ordinal))).Select(line => $"mount {line}"),
            .. ProcessesIn(owners).Select(pid => $"process {pid}"),
        ];
    }

    /// <summary>
    /// Processes in one of the network namespaces that no sandbox of today owns. The kernel gives a number out again as
    /// soon as its namespace is gone, so that a number alone says nothing.
    /// </summary>
    public static IReadOnlyList<string> StrangersIn(IReadOnlySet<string> namespaces) =>
    [
        .. Directory.EnumerateDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), out _))
            .Where(folder => namespaces.Contains(LinkOf($"{folder}/ns/net")) && !Names($"{State}/owners").Any(owner =>
                TextOf($"{folder}/cgroup").Contains($"/fnq/{owner}/", StringComparison.Ordinal))),
    ];

    /// <summary>The network namespaces of a worker's sandboxes while they live.</summary>
    public static IReadOnlySet<string> NetworkNamespacesOf(int workerPid)
    {
        var owners = CgroupOwners(workerPid).ToHashSet();
        return ProcessesIn(owners).Select(pid => LinkOf($"/proc/{pid}/ns/net")).Where(link => link.Length > 0).ToHashSet();
    }

    private static IEnumerable<string> Names(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path)) : [];

    private static IEnumerable<string> SlotOwners() =>
        new DirectoryInfo($"{State}/slots").EnumerateFileSystemInfos().Select(link => link.LinkTarget ?? "");

    private static IEnumerable<string> CgroupOwners(int workerPid) => CgroupLayout.Detect().Hierarchies
        .Select(mount => Path.Join(mount, "fnq")).SelectMany(Names).Where(name => name.StartsWith($"{workerPid}-", StringComparison.Ordinal)).Distinct();

    private static IEnumerable<string> CgroupFolders(HashSet<string> owners) => CgroupLayout.Detect().Hierarchies
        .SelectMany(mount => owners.Select(owner => Path.Join(mount, "fnq", owner))).Where(Directory.Exists);

    private static IEnumerable<int> ProcessesIn(HashSet<string> owners) => Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), out var pid) ? pid : 0)
        .Where(pid => pid > 0 && owners.Any(owner => TextOf($"/proc/{pid}/cgroup").Contains($"/fnq/{owner}/", StringComparison.Ordinal)));

    private static string TextOf(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static string LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget ?? "";
        }
        catch (IOException)
        {
            return "";
        }
    }
}
