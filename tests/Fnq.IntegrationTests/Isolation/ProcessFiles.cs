using System.Globalization;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>What /proc tells of processes that may end while it is read: then it is empty.</summary>
internal static class ProcessFiles
{
    public static IEnumerable<int> AllPids() =>
        Directory.EnumerateDirectories("/proc").Select(folder => int.TryParse(Path.GetFileName(folder), out var pid) ? pid : 0).Where(pid => pid > 0);

    public static string Text(int pid, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/{file}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    public static string Link(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget ?? "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>Not gone and not waiting to be reaped.</summary>
    public static bool IsAlive(int pid) => Text(pid, "stat") is { Length: > 0 } stat && stat[(stat.LastIndexOf(')') + 2)..][0] is not ('Z' or 'X');

    public static int ParentOf(int pid) => Field(pid, 1);

    /// <summary>From -20, which comes first, to 19.</summary>
    public static int Priority(int pid) => Field(pid, 16);

    /// <summary>Process 1 of its own pid namespace.</summary>
    public static bool IsFirst(int pid) =>
        Text(pid, "status").Split('\n').FirstOrDefault(line => line.StartsWith("NSpid:", StringComparison.Ordinal))?.EndsWith("\t1", StringComparison.Ordinal) ?? false;

    /// <summary>The control group of the sandbox that it is in, from the pool's parent on: /fnq/owner/slot.</summary>
    public static string? SandboxOf(int pid) => Text(pid, "cgroup").Split('\n')
        .Select(line => line.Split(':', 3)).Where(fields => fields.Length == 3 && fields[2].StartsWith("/fnq/", StringComparison.Ordinal))
        .Select(fields => fields[2]).FirstOrDefault();

    public static long ResidentBytes(int pid) => Text(pid, "status").Split('\n')
        .Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Select(line => long.Parse(line["VmRSS:".Length..^"kB".Length].Trim()) * 1024).FirstOrDefault();

    /// <summary>Counted behind the name.</summary>
    private static int Field(int pid, int number) =>
        Text(pid, "stat") is { Length: > 0 } stat ? int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[number], CultureInfo.InvariantCulture) : 0;
}
