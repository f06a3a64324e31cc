using System.Globalization;

namespace Fnq.Execution.Sandboxes;

/// <summary>One value for one file of a control group.</summary>
/// <param name="Optional">A host without such a file goes without.</param>
internal readonly record struct CgroupWrite(string Controller, string File, string Value, bool Optional = false);

/// <summary>Which values limit what, for cgroup v1 and v2, in the order in which the kernel takes them.</summary>
internal static class CgroupLimits
{
    internal const int CpuPeriodMicroseconds = 20_000;
    internal const int CpuQuotaMicrosecondsMin = 2_000;
    internal const int MemoryMbPerVcpu = 1_769;
    internal const int MemoryAllowanceMb = 16;
    private const long BytesPerSecondMax = 50 << 20;
    private const int OperationsPerSecondMax = 1_000;
    private const long Mebibyte = 1 << 20;

    /// <summary>CPU time per period: the memory size's share, and while initialising one whole CPU if that is more.</summary>
    /// <param name="most">What all sandboxes of the host have together: cgroup v1 refuses a child more than its parent.</param>
    internal static int CpuQuota(int memorySizeMb, bool initialising, int most)
    {
        var share = (int)((long)CpuPeriodMicroseconds * memorySizeMb / MemoryMbPerVcpu);
        return Math.Min(Math.Max(initialising ? CpuPeriodMicroseconds : CpuQuotaMicrosecondsMin, share), most);
    }

    /// <summary>CPU time per period of all sandboxes of a host together.</summary>
    internal static int PoolCpuQuota(int processors, int percent) => (int)((long)CpuPeriodMicroseconds * processors * percent / 100);

    internal static long MemoryBytes(int memorySizeMb) => (memorySizeMb + MemoryAllowanceMb) * Mebibyte;

    internal static int CpuShares(int memorySizeMb) => Math.Clamp(memorySizeMb, 2, 262_144);

    /// <summary>A sandbox that had the limits of one memory size gets those of another.</summary>
    internal static IReadOnlyList<CgroupWrite> Resize(bool unified, int fromMb, int toMb, int cpuQuota)
    {
        var memory = Text(MemoryBytes(toMb));
        if (unified)
        {
            // The scale that OCI runtimes use too.
            var weight = 1 + ((CpuShares(toMb) - 2L) * 9_999 / 262_142);
            return
            [
                new("memory", "memory.max", memory),
                new("cpu", "cpu.weight", Text(weight)),
                new("cpu", "cpu.max", CpuMax(cpuQuota)),
            ];
        }
        // Memory and swap together may never be less than memory alone.
        var alone = new CgroupWrite("memory", "memory.limit_in_bytes", memory);
        var withSwap = new CgroupWrite("memory", "memory.memsw.limit_in_bytes", memory, Optional: true);
        return
        [
            .. toMb >= fromMb ? (CgroupWrite[])[withSwap, alone] : [alone, withSwap],
            new("cpu", "cpu.shares", Text(CpuShares(toMb))),
            new("cpu", "cpu.cfs_quota_us", Text(cpuQuota)),
        ];
    }

    /// <summary>All sandboxes of the host together.</summary>
    internal static IReadOnlyList<CgroupWrite> Pool(bool unified, long memoryBytes, int cpuQuota) => unified
        ? [new("memory", "memory.max", Text(memoryBytes)), new("cpu", "cpu.max", CpuMax(cpuQuota))]
        :
        [
            new("memory", "memory.limit_in_bytes", Text(memoryBytes)),
            new("cpu", "cpu.cfs_period_us", Text(CpuPeriodMicroseconds)),
            new("cpu", "cpu.cfs_quota_us", Text(cpuQuota)),
        ];

    /// <summary>
    /// What no OCI setting says on every runtime: one process killed for memory ends all, and /tmp is no faster than
    /// this. On v1 the kernel writes dirty pages on nobody's account: there only reads and direct writes are held back.
    /// </summary>
    internal static IReadOnlyList<CgroupWrite> Extra(bool unified, string? tmpDevice)
    {
        if (unified)
        {
            var limits = $"rbps={BytesPerSecondMax} wbps={BytesPerSecondMax} riops={OperationsPerSecondMax} wiops={OperationsPerSecondMax}";
            CgroupWrite group = new("memory", "memory.oom.group", "1", Optional: true);
            return tmpDevice is null ? [group] : [group, new("io", "io.max", $"{tmpDevice} {limits}", Optional: true)];
        }
        return tmpDevice is null
            ? []
            :
            [
                new("blkio", "blkio.throttle.read_bps_device", $"{tmpDevice} {BytesPerSecondMax}", Optional: true),
                new("blkio", "blkio.throttle.write_bps_device", $"{tmpDevice} {BytesPerSecondMax}", Optional: true),
                new("blkio", "blkio.throttle.read_iops_device", $"{tmpDevice} {OperationsPerSecondMax}", Optional: true),
                new("blkio", "blkio.throttle.write_iops_device", $"{tmpDevice} {OperationsPerSecondMax}", Optional: true),
            ];
    }

    internal static string CpuMax(int quota) => $"{Text(quota)} {Text(CpuPeriodMicroseconds)}";

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
