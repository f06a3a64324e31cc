using Fnq.Execution.Sandboxes;
using Xunit;

namespace Fnq.Tests.Execution;

/// <summary>What is written to and read from a control group of version 2, on a folder that stands for the kernel's.</summary>
public sealed class UnifiedCgroupTests : IDisposable
{
    private readonly string _mount = Directory.CreateTempSubdirectory("fnq-cgroup-").FullName;

    private CgroupLayout Layout => new(new Dictionary<string, string>(), [_mount], _mount);

    [Fact]
    public void The_peak_is_read_where_the_kernel_keeps_one()
    {
        using var group = Group(("memory.current", "1000\n"), ("memory.peak", "5000\n"));
        Assert.Equal(5_000, group.ReadUsage().PeakMemoryBytes);
    }

    [Fact]
    public void A_kernel_without_a_peak_tells_what_is_used_now()
    {
        using var group = Group(("memory.current", "1000\n"));
        Assert.Equal(1_000, group.ReadUsage().PeakMemoryBytes);
    }

    [Fact]
    public void Kills_are_counted_and_limits_written_in_the_words_of_version_2()
    {
        using var group = Group(("memory.peak", "1\n"));
        Assert.Equal(3, group.ReadUsage().OutOfMemoryKills);
        group.LimitCpu(7_000);
        group.Freeze();
        Assert.Equal(("7000 20000", "1"), (Text("cpu.max"), Text("cgroup.freeze")));
        group.Thaw();
        Assert.Equal("0", Text("cgroup.freeze"));
    }

    public void Dispose() => Directory.Delete(_mount, recursive: true);

    private SandboxCgroup Group(params (string File, string Text)[] files)
    {
        var folder = Directory.CreateDirectory(Path.Join(_mount, "fnq", "0")).FullName;
        foreach (var (file, text) in files)
        {
            File.WriteAllText(Path.Join(folder, file), text);
        }
        File.WriteAllText(Path.Join(folder, "cpu.max"), "");
        File.WriteAllText(Path.Join(folder, "cgroup.freeze"), "");
        File.WriteAllText(Path.Join(folder, "memory.events"), "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 0\n");
        return new SandboxCgroup(Layout, "fnq/0");
    }

    private string Text(string file) => File.ReadAllText(Path.Join(_mount, "fnq", "0", file));
}
