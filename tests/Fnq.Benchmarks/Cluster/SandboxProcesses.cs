namespace Fnq.Benchmarks.Cluster;

/// <summary>The processes in the sandboxes of one worker, told by its pid in their control group: <c>/fnq/PID-…/N</c>.</summary>
internal static class SandboxProcesses
{
    private const string PlatformInit = "init";

    public static IReadOnlyList<(int Pid, string Name)> Of(int worker)
    {
        var found = new List<(int, string)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var pid))
            {
                continue;
            }

            try
            {
                if (File.ReadAllText($"{folder}/cgroup").Contains($"/fnq/{worker}-", StringComparison.Ordinal))
                {
                    found.Add((pid, File.ReadAllText($"{folder}/comm").Trim()));
                }
            }
            catch (IOException)
            {
                // It ended meanwhile.
            }
        }

        return found;
    }

    /// <summary>Every sandbox has one process of the platform's.</summary>
    public static int Environments(int worker) => Of(worker).Count(process => process.Name == PlatformInit);

    public static bool IsPlatforms(string name) => name == PlatformInit;
}
