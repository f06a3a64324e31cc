using Fnq.Execution.Sandboxes;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class CgroupLimitsTests
{
    private const int TwoProcessors = 32_000;

    [Fact]
    public void A_larger_memory_on_v1_raises_memory_with_swap_first() =>
        Assert.Equal(
            ["memory.memsw.limit_in_bytes=285212672", "memory.limit_in_bytes=285212672", "cpu.shares=256", "cpu.cfs_quota_us=20000"],
            Files(CgroupLimits.Resize(unified: false, fromMb: 128, toMb: 256, cpuQuota: 20_000)));

    [Fact]
    public void A_smaller_memory_on_v1_lowers_memory_alone_first() =>
        Assert.Equal(
            ["memory.limit_in_bytes=150994944", "memory.memsw.limit_in_bytes=150994944"],
            Files(CgroupLimits.Resize(unified: false, fromMb: 256, toMb: 128, cpuQuota: 20_000))[..2]);

    [Fact]
    public void V2_has_its_own_files_and_weights() =>
        Assert.Equal(
            ["memory.max=10754195456", "cpu.weight=391", "cpu.max=32000 20000"],
            Files(CgroupLimits.Resize(unified: true, fromMb: 128, toMb: 10_240, cpuQuota: 32_000)));

    [Theory]
    [InlineData(128, true, 20_000)]
    [InlineData(128, false, 2_000)]
    [InlineData(1_769, false, 20_000)]
    [InlineData(2_000, true, 22_611)]
    [InlineData(10_240, true, TwoProcessors)]
    [InlineData(10_240, false, TwoProcessors)]
    public void Processor_time_follows_the_memory_size_and_never_exceeds_what_all_have_together(int memoryMb, bool initialising, int quota) =>
        Assert.Equal(quota, CgroupLimits.CpuQuota(memoryMb, initialising, CgroupLimits.PoolCpuQuota(processors: 2, percent: 80)));

    [Fact]
    public void One_processor_is_not_given_away_whole() =>
        Assert.Equal(16_000, CgroupLimits.CpuQuota(1_769, initialising: true, CgroupLimits.PoolCpuQuota(processors: 1, percent: 80)));

    [Fact]
    public void The_pool_is_limited_in_memory_and_processor()
    {
        Assert.Equal(
            ["memory.limit_in_bytes=800", "cpu.cfs_period_us=20000", "cpu.cfs_quota_us=32000"],
            Files(CgroupLimits.Pool(unified: false, memoryBytes: 800, TwoProcessors)));
        Assert.Equal(["memory.max=800", "cpu.max=32000 20000"], Files(CgroupLimits.Pool(unified: true, memoryBytes: 800, TwoProcessors)));
    }

    [Fact]
    public void The_device_of_tmp_is_throttled_and_out_of_memory_ends_the_whole_group()
    {
        Assert.Equal(
            ["memory.oom.group=1", "io.max=7:3 rbps=52428800 wbps=52428800 riops=1000 wiops=1000"],
            Files(CgroupLimits.Extra(unified: true, "7:3")));
        Assert.Equal(
            [
                "blkio.throttle.read_bps_device=7:3 52428800", "blkio.throttle.write_bps_device=7:3 52428800",
                "blkio.throttle.read_iops_device=7:3 1000", "blkio.throttle.write_iops_device=7:3 1000",
            ],
            Files(CgroupLimits.Extra(unified: false, "7:3")));
        Assert.Empty(CgroupLimits.Extra(unified: false, tmpDevice: null));
    }

    private static string[] Files(IReadOnlyList<CgroupWrite> writes) => [.. writes.Select(w => $"{w.File}={w.Value}")];
}
