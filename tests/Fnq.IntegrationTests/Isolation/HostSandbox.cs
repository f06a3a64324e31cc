using Fnq.Execution.Sandboxes;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>One sandbox of a function as the kernel of the host shows it; nothing is asked of the worker.</summary>
internal sealed record HostSandbox(string Path)
{
    private static readonly CgroupLayout Layout = CgroupLayout.Detect();

    public static IReadOnlyList<HostSandbox> AllOf(string function)
    {
        var mark = $"\0AWS_LAMBDA_FUNCTION_NAME={function}\0";
        return
        [
            .. ProcessFiles.AllPids().Where(pid => ("\0" + ProcessFiles.Text(pid, "environ")).Contains(mark, StringComparison.Ordinal))
                .Select(pid => ProcessFiles.SandboxOf(pid)).OfType<string>().Distinct().Select(path => new HostSandbox(path)),
        ];
    }

    /// <summary>The sandbox of a function that has one environment.</summary>
    public static HostSandbox Of(string function) => Assert.Single(AllOf(function));

    /// <summary>Processes of functions of a worker; process 1 of a sandbox that waits for a function is none.</summary>
    public static int CountOf(int workerPid) =>
        ProcessFiles.AllPids().Count(pid => ProcessFiles.SandboxOf(pid)?.StartsWith($"/fnq/{workerPid}-", StringComparison.Ordinal) == true && !ProcessFiles.IsFirst(pid));

    public bool IsGone => Layout.Hierarchies.All(mount => !Directory.Exists(System.IO.Path.Join(mount, Path)));

    /// <summary>All that live in it, process 1 of the sandbox too, as the host numbers them.</summary>
    public IReadOnlyList<int> Processes => [.. Lines("pids", "cgroup.procs").Select(int.Parse).Where(ProcessFiles.IsAlive)];

    /// <summary>Without process 1, which outlives runtimes.</summary>
    public IReadOnlyList<int> Programs => [.. Processes.Where(pid => !ProcessFiles.IsFirst(pid))];

    public TimeSpan CpuTime => Layout.IsUnified
        ? TimeSpan.FromMicroseconds(long.Parse(Lines("cpu", "cpu.stat").First(line => line.StartsWith("usage_usec ", StringComparison.Ordinal))["usage_usec ".Length..]))
        : TimeSpan.FromMicroseconds(long.Parse(Lines("cpuacct", "cpuacct.usage").Single()) / 1_000.0);

    /// <summary>Bytes.</summary>
    public long MemoryPeak => long.Parse(Lines("memory", Layout.IsUnified ? "memory.peak" : "memory.max_usage_in_bytes").Single());

    /// <summary>When none of the processes lives any more, looked at every 2 ms.</summary>
    public static async Task<DateTimeOffset> GoneAsync(IReadOnlyList<int> processes, TimeSpan limit)
    {
        var deadline = TimeProvider.System.GetUtcNow() + limit;
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        while (processes.Any(ProcessFiles.IsAlive))
        {
            Assert.True(TimeProvider.System.GetUtcNow() < deadline, $"processes {string.Join(' ', processes.Where(ProcessFiles.IsAlive))} live on");
            await tick.WaitForNextTickAsync();
        }

        return TimeProvider.System.GetUtcNow();
    }

    public Task GoneAsync(TimeSpan limit) => Until.TrueAsync(() => IsGone, $"{Path} is gone", limit);

    private string[] Lines(string controller, string file)
    {
        try
        {
            return File.ReadAllLines(System.IO.Path.Join(Layout.FolderOf(controller, Path), file));
        }
        catch (IOException)
        {
            return [];
        }
    }
}
