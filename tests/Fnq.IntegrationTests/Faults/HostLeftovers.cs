using Fnq.Execution.Sandboxes;
using Fnq.IntegrationTests.Isolation;

namespace Fnq.IntegrationTests.Faults;

/// <summary>What the kernel still shows of one worker's sandboxes, by its process id. Empty when nothing is left.</summary>
internal static class HostLeftovers
{
    private const string State = "/run/fnq";
    private const int FirstUid = 1_000_000;
    private const int UidsPerSlot = 65_536;
    private const int LinkTagLength = 7;

    public static IReadOnlyList<string> Of(int workerPid)
    {
        var owners = OwnersOf(workerPid);
        return owners.Count == 0 ? [] :
        [
            .. Names($"{State}/owners").Where(owners.Contains).Select(name => $"owner {name}"),
            .. Names($"{State}/sandboxes").Where(name => owners.Any(owner => name.StartsWith(owner, StringComparison.Ordinal))).Select(name => $"bundle {name}"),
            .. SlotsOf(owners).Select(slot => $"slot {slot}"),
            .. CgroupFolders(owners).Select(folder => $"control group {folder}"),
            .. MountLines().Where(line => owners.Any(owner => line.Contains(owner, StringComparison.Ordinal))).Select(line => $"mount {line}"),
            .. LoopFiles().Where(file => owners.Any(owner => file.Contains(owner, StringComparison.Ordinal))).Select(file => $"loop device {file}"),
            .. Links(owners).Select(link => $"link {link}"),
            .. ProcessesIn(owners).Select(pid => $"process {pid}"),
        ];
    }

    /// <summary>Processes with a user of a sandbox that are in no living worker's control group.</summary>
    public static IReadOnlyList<string> ProcessesWithoutWorker() =>
    [
        .. ProcessFiles.AllPids().Where(pid => UserOf(pid) is >= FirstUid and < FirstUid + (UidsPerSlot * 1_000))
            .Where(pid => ProcessFiles.IsAlive(pid) && !IsOwned(pid)).Select(pid => $"process {pid} {ProcessFiles.Text(pid, "cmdline")}"),
    ];

    /// <summary>
    /// Processes in one of the network namespaces that no sandbox of today owns. The kernel gives a number out again as
    /// soon as its namespace is gone, so that a number alone says nothing.
    /// </summary>
    public static IReadOnlyList<string> StrangersIn(IReadOnlySet<string> namespaces) =>
        [.. ProcessFiles.AllPids().Where(pid => namespaces.Contains(ProcessFiles.Link($"/proc/{pid}/ns/net")) && !IsOwned(pid)).Select(pid => $"/proc/{pid}")];

    /// <summary>The network namespaces of a worker's sandboxes while they live.</summary>
    public static IReadOnlySet<string> NetworkNamespacesOf(int workerPid) =>
        ProcessesIn([.. CgroupOwners(workerPid)]).Select(pid => ProcessFiles.Link($"/proc/{pid}/ns/net")).Where(link => link.Length > 0).ToHashSet();

    /// <summary>
    /// How much of each kind a living worker has: of the host's, and of what it holds itself. Names change with every
    /// sandbox, so that these are what is compared before and after.
    /// </summary>
    public static IReadOnlyDictionary<string, int> CountsOf(int workerPid, string dataFolder)
    {
        var owners = OwnersOf(workerPid);
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal)
        {
            ["processes in sandboxes"] = ProcessesIn(owners).Count(),
            ["children of the worker"] = ProcessFiles.AllPids().Count(pid => ProcessFiles.ParentOf(pid) == workerPid),
            ["control groups"] = CgroupFolders(owners).Sum(folder => Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories).Count()),
            ["slots"] = SlotsOf(owners).Count(),
            ["bundles"] = Names($"{State}/sandboxes").Count(name => owners.Any(owner => name.StartsWith(owner, StringComparison.Ordinal))),
            ["mounts"] = MountLines().Count(line => owners.Append(dataFolder).Any(mark => line.Contains(mark, StringComparison.Ordinal))),
            ["loop devices"] = LoopFiles().Count(file => file.Contains(dataFolder, StringComparison.Ordinal)),
            ["links"] = Links(owners).Count(),
            ["temporary files"] = Names(Path.Combine(dataFolder, "temporary")).Count(),
        };
        foreach (var kind in Directory.EnumerateFileSystemEntries($"/proc/{workerPid}/fd").Select(ProcessFiles.Link).GroupBy(KindOf))
        {
            counts[$"descriptors: {kind.Key}"] = kind.Count();
        }

        return counts;
    }

    private static string KindOf(string target) => target switch
    {
        ['/', ..] when target.StartsWith("/sys/fs/cgroup", StringComparison.Ordinal) => "control groups",
        ['/', ..] when target.Contains("/logs/", StringComparison.Ordinal) => "logs",
        ['/', ..] => "files",
        _ => target.Split(':', '[')[0],
    };

    private static HashSet<string> OwnersOf(int workerPid) =>
    [
        .. Names($"{State}/owners").Concat(Names($"{State}/sandboxes")).Concat(Slots().Select(slot => slot.Owner))
            .Where(name => name.StartsWith($"{workerPid}-", StringComparison.Ordinal)).Select(name => string.Join('-', name.Split('-').Take(2))),
        .. CgroupOwners(workerPid),
    ];

    private static IEnumerable<string> Names(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path)) : [];

    private static IEnumerable<(string Number, string Owner)> Slots() => Directory.Exists($"{State}/slots")
        ? new DirectoryInfo($"{State}/slots").EnumerateFileSystemInfos().Select(link => (link.Name, link.LinkTarget ?? "")) : [];

    private static IEnumerable<string> SlotsOf(HashSet<string> owners) =>
        Slots().Where(slot => owners.Contains(slot.Owner)).Select(slot => $"{slot.Number} of {slot.Owner}");

    private static IEnumerable<string> CgroupOwners(int workerPid) => CgroupLayout.Detect().Hierarchies
        .Select(mount => Path.Join(mount, "fnq")).SelectMany(Names).Where(name => name.StartsWith($"{workerPid}-", StringComparison.Ordinal)).Distinct();

    private static IEnumerable<string> CgroupFolders(HashSet<string> owners) => CgroupLayout.Detect().Hierarchies
        .SelectMany(mount => owners.Select(owner => Path.Join(mount, "fnq", owner))).Where(Directory.Exists);

    private static IEnumerable<int> ProcessesIn(HashSet<string> owners) => ProcessFiles.AllPids()
        .Where(pid => ProcessFiles.SandboxOf(pid) is { } path && owners.Contains(path.Split('/')[2]));

    /// <summary>Of every mount namespace that has a process.</summary>
    private static IEnumerable<string> MountLines() => ProcessFiles.AllPids()
        .DistinctBy(pid => ProcessFiles.Link($"/proc/{pid}/ns/mnt")).SelectMany(pid => ProcessFiles.Text(pid, "mountinfo").Split('\n'));

    private static IEnumerable<string> LoopFiles() => Directory.EnumerateDirectories("/sys/block", "loop*")
        .Select(folder => Path.Combine(folder, "loop", "backing_file")).Where(File.Exists).Select(file => $"{file} {TextOf(file)}");

    /// <summary>A worker's ends of its sandboxes' network links begin with the first letters of its owner's name.</summary>
    private static IEnumerable<string> Links(HashSet<string> owners) => Names("/sys/class/net")
        .Where(name => owners.Any(owner => name.StartsWith($"fnq{owner[(owner.LastIndexOf('-') + 1)..][..LinkTagLength]}", StringComparison.Ordinal)));

    private static bool IsOwned(int pid) =>
        ProcessFiles.SandboxOf(pid) is { } path && Names($"{State}/owners").Contains(path.Split('/')[2]);

    private static int UserOf(int pid) => ProcessFiles.Text(pid, "status").Split('\n')
        .Where(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Select(line => int.Parse(line.Split('\t')[1])).FirstOrDefault();

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
}
