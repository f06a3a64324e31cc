using Fnq.Execution.Sandboxes;

namespace Fnq.IntegrationTests.Sandboxes;

/// <summary>What the host sees of sandboxes, read from the kernel and not from the backend.</summary>
internal static class HostView
{
    /// <summary>Processes in the control group of a sandbox, whose id is owner-slot.</summary>
    internal static List<int> Processes(string id)
    {
        var path = $"/fnq-tests/{id[..id.LastIndexOf('-')]}/{id[(id.LastIndexOf('-') + 1)..]}";
        return ProcessesBelow(path);
    }

    internal static List<int> ProcessesBelow(string cgroupPath) =>
    [
        .. Directory.EnumerateDirectories("/proc")
            .Select(d => int.TryParse(Path.GetFileName(d), out var pid) ? pid : 0)
            .Where(pid => pid > 0 && Read($"/proc/{pid}/cgroup").Split('\n').Any(l => l.Contains($":{cgroupPath}", StringComparison.Ordinal)))
            .Where(pid => Read($"/proc/{pid}/stat") is { Length: > 0 } stat && !stat.Contains(") Z ", StringComparison.Ordinal)),
    ];

    internal static long CpuTicks(int pid)
    {
        var stat = Read($"/proc/{pid}/stat");
        if (stat.Length == 0)
        {
            return 0;
        }
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return long.Parse(fields[11]) + long.Parse(fields[12]);
    }

    internal static List<string> CgroupFolders(string path) =>
        [.. CgroupLayout.Detect().Hierarchies.Select(h => Path.Join(h, path)).Where(Directory.Exists)];

    /// <summary>A file of a group, by its name in v1 or in v2.</summary>
    internal static string ReadCgroup(string path, params string[] names) => CgroupFolders(path)
        .SelectMany(folder => names.Select(name => Path.Join(folder, name)))
        .Where(File.Exists).Select(file => Read(file).Trim()).First();

    /// <summary>Loop devices whose image lies in a folder.</summary>
    internal static List<string> LoopDevices(string folder) =>
    [
        .. Directory.EnumerateDirectories("/sys/block", "loop*")
            .Where(d => Read(Path.Join(d, "loop/backing_file")).StartsWith(folder + "/", StringComparison.Ordinal)),
    ];

    private static string Read(string file)
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
