using System.Globalization;

namespace Fnq.Benchmarks;

/// <summary>Absolute numbers mean nothing without the machine and what else ran on it.</summary>
internal static class MachineState
{
    public static string LoadAverage() => string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]);

    public static string Describe()
    {
        var model = File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[^1].Trim();
        var now = TimeProvider.System.GetUtcNow().ToString("u", CultureInfo.InvariantCulture);
        return $"{now}  {Environment.ProcessorCount} cores, {model}, load average {LoadAverage()}";
    }

    /// <summary>CPU seconds of all threads of a process so far.</summary>
    public static double CpuSeconds(int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        const double TicksPerSecond = 100; // USER_HZ, fixed by the kernel's interface.
        return (long.Parse(fields[11]) + long.Parse(fields[12])) / TicksPerSecond;
    }

    /// <summary>Resident MiB of a process; zero once it is gone.</summary>
    public static double ResidentMb(int pid) => StatusKb(pid, "VmRSS:") / 1024.0;

    /// <summary>MiB that would be free if the process ended: its part of shared pages counted in shares.</summary>
    public static double ProportionalMb(int pid) => Kb($"/proc/{pid}/smaps_rollup", "Pss:") / 1024.0;

    private static long StatusKb(int pid, string field) => Kb($"/proc/{pid}/status", field);

    private static long Kb(string file, string field)
    {
        try
        {
            var line = File.ReadLines(file).FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
