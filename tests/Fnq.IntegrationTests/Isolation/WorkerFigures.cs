using System.Globalization;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>What the kernel says of the server's own process.</summary>
internal static class WorkerFigures
{
    public static int Descriptors(int pid) => Directory.GetFileSystemEntries(Folder(pid, "fd")).Length;

    public static double ResidentMb(int pid) => File.ReadLines(Folder(pid, "status"))
        .Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Select(line => long.Parse(line["VmRSS:".Length..^"kB".Length].Trim(), CultureInfo.InvariantCulture) / 1024.0).Single();

    private static string Folder(int pid, string name) => $"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/{name}";
}
