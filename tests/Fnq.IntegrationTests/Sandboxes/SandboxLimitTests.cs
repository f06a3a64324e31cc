using Fnq.Execution.Sandboxes;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

public sealed class SandboxLimitTests(SandboxHost host) : IClassFixture<SandboxHost>
{
    [Fact]
    public async Task Memory_above_the_limit_is_killed_and_counted()
    {
        var sandbox = await host.CreateAsync(memorySizeMb: 128);
        await sandbox.StartScriptAsync("exec head -c 1000000000 /dev/zero | exec tail");

        // On cgroup v2 the kernel ends the whole group, process 1 too (memory.oom.group).
        var end = await sandbox.NextEventAsync();
        Assert.True(end is SandboxEvent.MainExited { Status: -9 or 137 } or SandboxEvent.Ended, $"{end}");
        var usage = sandbox.ReadUsage();
        Assert.True(usage.OutOfMemoryKills >= 1, $"{usage}");
        Assert.InRange(usage.PeakMemoryBytes, 100 << 20, (128 + CgroupLimits.MemoryAllowanceMb) << 20);
    }

    [Fact]
    public async Task Processes_above_the_limit_are_refused()
    {
        var sandbox = await host.CreateAsync(memorySizeMb: 1_769); // a whole CPU: the first must not have ended when the last starts
        await sandbox.StartScriptAsync("for i in $(seq 2000); do sleep 1000 & done");
        await sandbox.ReadUntilAsync("Resource temporarily unavailable");
        Assert.InRange(HostView.Processes(sandbox.Id).Count, 900, 1_032);
        await sandbox.KillProcessesAsync(CancellationToken.None);

        // Every start has exactly one end, a killed one too.
        Assert.Equal(new SandboxEvent.MainExited(-9), await sandbox.NextEventAsync());
        Assert.Equal(0, (await sandbox.RunAsync("true")).Status);
    }

    [Fact]
    public async Task A_frozen_sandbox_uses_no_processor_and_goes_on_when_thawed()
    {
        var sandbox = await host.CreateAsync();
        await sandbox.StartScriptAsync("echo ready; while :; do :; done");
        await sandbox.ReadUntilAsync("ready");
        await SandboxSteps.EventuallyAsync(() => CpuTicks(sandbox) > 0, () => "processor time");
        sandbox.Freeze();
        var before = CpuTicks(sandbox);
        await Task.Delay(200); // the observation itself: 20 ticks would pass if it still ran
        Assert.Equal(before, CpuTicks(sandbox));
        sandbox.Thaw();
        await SandboxSteps.EventuallyAsync(() => CpuTicks(sandbox) > before, () => "processor time after the thaw");
        await sandbox.KillProcessesAsync(CancellationToken.None); // or it would take a processor from the tests that follow
    }

    [Fact]
    public async Task The_share_of_the_memory_size_limits_the_processor()
    {
        var sandbox = await host.CreateAsync(memorySizeMb: 177);
        sandbox.LimitCpu(initialising: false);
        await sandbox.StartScriptAsync("echo ready; while :; do :; done");
        await sandbox.ReadUntilAsync("ready");
        var before = CpuTicks(sandbox);
        await Task.Delay(1_000); // the observation: 10 % of one processor is 10 ticks
        Assert.InRange(CpuTicks(sandbox) - before, 2, 25);
        await sandbox.KillProcessesAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Killing_its_processes_keeps_tmp_and_lets_another_start()
    {
        var sandbox = await host.CreateAsync();
        await sandbox.StartScriptAsync("echo kept >/tmp/file; (setsid sleep 1000 &); trap '' TERM; echo ready; while :; do :; done");
        await sandbox.ReadUntilAsync("ready");
        sandbox.Freeze();
        await sandbox.KillProcessesAsync(CancellationToken.None);

        // Every start has exactly one end, a killed one too.
        Assert.Equal(new SandboxEvent.MainExited(-9), await sandbox.NextEventAsync());
        var (status, output) = await sandbox.RunAsync("cat /tmp/file; cat /proc/[0-9]*/comm | grep -c sleep; true");
        Assert.Equal((0, "kept\n0\n"), (status, output));
    }

    [Fact]
    public async Task Terminating_asks_the_program()
    {
        var sandbox = await host.CreateAsync();
        await sandbox.StartScriptAsync("trap 'exit 5' TERM; echo ready; while :; do :; done");
        await sandbox.ReadUntilAsync("ready");
        await sandbox.TerminateAsync(CancellationToken.None);
        Assert.Equal(new SandboxEvent.MainExited(5), await sandbox.NextEventAsync());
    }

    [Fact]
    public async Task All_together_leave_a_part_of_the_host_and_the_largest_gets_no_more_than_that()
    {
        var sandbox = await host.CreateAsync(memorySizeMb: 10_240);
        sandbox.LimitCpu(initialising: false);
        var most = CgroupLimits.PoolCpuQuota(Environment.ProcessorCount, host.Options.PoolPercent);
        Assert.True(most < Environment.ProcessorCount * CgroupLimits.CpuPeriodMicroseconds);
        var own = $"fnq-tests/{sandbox.Id[..sandbox.Id.LastIndexOf('-')]}/{sandbox.Id[(sandbox.Id.LastIndexOf('-') + 1)..]}";
        foreach (var group in (string[])["fnq-tests", own])
        {
            Assert.Equal(most, int.Parse(HostView.ReadCgroup(group, "cpu.cfs_quota_us", "cpu.max").Split(' ')[0]));
        }
        Assert.InRange(
            long.Parse(HostView.ReadCgroup("fnq-tests", "memory.limit_in_bytes", "memory.max")),
            1, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * host.Options.PoolPercent / 100);
    }

    /// <summary>Of everything in the sandbox, in hundredths of a second.</summary>
    private static long CpuTicks(ISandbox sandbox) => HostView.Processes(sandbox.Id).Sum(HostView.CpuTicks);
}
