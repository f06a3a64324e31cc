using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>One sandbox's control group: files kept open, because they are read or written on every run.</summary>
internal sealed class SandboxCgroup : IDisposable
{
    private readonly CgroupLayout _layout;
    private readonly string _path;
    private readonly SafeFileHandle _cpu;
    private readonly SafeFileHandle? _freezer;
    private readonly SafeFileHandle _memoryPeak;
    private readonly SafeFileHandle _memoryEvents;

    internal SandboxCgroup(CgroupLayout layout, string path)
    {
        _layout = layout;
        _path = path;
        _cpu = OpenFile("cpu", layout.IsUnified ? "cpu.max" : "cpu.cfs_quota_us", FileAccess.Write);
        _freezer = layout.MayFreeze ? OpenFile("freezer", layout.IsUnified ? "cgroup.freeze" : "freezer.state", FileAccess.Write) : null;
        _memoryPeak = OpenFile("memory", layout.IsUnified ? UnifiedPeak : "memory.max_usage_in_bytes", FileAccess.Read);
        _memoryEvents = OpenFile("memory", layout.IsUnified ? "memory.events" : "memory.oom_control", FileAccess.Read);
    }

    internal void LimitCpu(int quotaMicroseconds) =>
        Write(_cpu, _layout.IsUnified ? CgroupLimits.CpuMax(quotaMicroseconds) : quotaMicroseconds.ToString(CultureInfo.InvariantCulture));

    internal void Resize(int fromMb, int toMb, int cpuQuota) => Apply(CgroupLimits.Resize(_layout.IsUnified, fromMb, toMb, cpuQuota));

    /// <summary>Best effort, once: what OCI runtimes do not set on every host.</summary>
    internal void TryHarden(string? tmpDevice)
    {
        TryApply(CgroupLimits.Extra(_layout.IsUnified, tmpDevice));
        TryRefuseHugePages();
    }

    /// <summary>For values that change once in a sandbox's life.</summary>
    private void Apply(IReadOnlyList<CgroupWrite> writes)
    {
        foreach (var write in writes)
        {
            var folder = _layout.FolderOf(write.Controller, _path);
            var file = Path.Join(folder, write.File);
            if (folder is not null && (!write.Optional || File.Exists(file)))
            {
                File.WriteAllText(file, write.Value);
            }
        }
    }

    /// <summary>Best effort: a host may have a controller and refuse it the device.</summary>
    private void TryApply(IReadOnlyList<CgroupWrite> writes)
    {
        foreach (var write in writes)
        {
            try
            {
                Apply([write]);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Then the sandbox goes without this one.
            }
        }
    }

    /// <summary>No huge pages, of whichever sizes this host has.</summary>
    private void TryRefuseHugePages()
    {
        var pattern = _layout.IsUnified ? "hugetlb.*.max" : "hugetlb.*.limit_in_bytes";
        if (_layout.FolderOf("hugetlb", _path) is { } folder && Directory.Exists(folder))
        {
            TryApply([.. Directory.EnumerateFiles(folder, pattern).Select(f => new CgroupWrite("hugetlb", Path.GetFileName(f), "0"))]);
        }
    }

    /// <summary>Dying takes processor time too, and a crowd that has used up its share dies late.</summary>
    internal void LiftCpuLimit() => Write(_cpu, _layout.IsUnified ? $"max {CgroupLimits.CpuPeriodMicroseconds}" : "-1");

    internal void Freeze() => SetFrozen(_layout.IsUnified ? "1" : "FROZEN");

    internal void Thaw() => SetFrozen(_layout.IsUnified ? "0" : "THAWED");

    internal SandboxUsage ReadUsage()
    {
        var peak = long.TryParse(Read(_memoryPeak).AsSpan().Trim(), out var bytes) ? bytes : 0;
        return new SandboxUsage(peak, OutOfMemoryKills(Read(_memoryEvents)));
    }

    internal static long OutOfMemoryKills(string events)
    {
        foreach (var line in events.AsSpan().EnumerateLines())
        {
            if (line.StartsWith("oom_kill ", StringComparison.Ordinal))
            {
                return long.Parse(line["oom_kill ".Length..]);
            }
        }
        return 0;
    }

    public void Dispose()
    {
        _cpu.Dispose();
        _freezer?.Dispose();
        _memoryPeak.Dispose();
        _memoryEvents.Dispose();
    }

    private void SetFrozen(string state)
    {
        if (_freezer is not null)
        {
            Write(_freezer, state);
        }
    }

    /// <summary>Kernels before 5.19 keep no peak on v2: what is used at the end of a run is the nearest that they tell.</summary>
    private string UnifiedPeak =>
        File.Exists(Path.Join(_layout.FolderOf("memory", _path), "memory.peak")) ? "memory.peak" : "memory.current";

    private SafeFileHandle OpenFile(string controller, string file, FileAccess access)
    {
        var folder = _layout.FolderOf(controller, _path)
            ?? throw new SandboxException($"This host has no {controller} control group controller.");
        return File.OpenHandle(Path.Join(folder, file), FileMode.Open, access, FileShare.ReadWrite);
    }

    private static void Write(SafeFileHandle file, string value) => RandomAccess.Write(file, Encoding.ASCII.GetBytes(value), 0);

    private static string Read(SafeFileHandle file)
    {
        Span<byte> buffer = stackalloc byte[512];
        return Encoding.ASCII.GetString(buffer[..RandomAccess.Read(file, buffer, 0)]);
    }
}
