using System.Collections.Concurrent;
using Fnq.Execution.Sandboxes.Egress;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>Sandboxes as OCI bundles, run by crun, runc or another OCI runtime.</summary>
internal sealed partial class OciSandboxBackend : ISandboxBackend, IDisposable, IAsyncDisposable
{
    private static readonly TimeSpan RemovePatience = TimeSpan.FromSeconds(5);

    private readonly SandboxOptions _options;
    private readonly ILogger<OciSandboxBackend> _logger;
    private readonly CgroupLayout _layout;
    private readonly CgroupTree _cgroups;
    private readonly SlotDirectory _slots;
    private readonly SemaphoreSlim _choosing = new(1, 1);
    private OciRuntime? _runtime;
    private readonly SafeFileHandle _hostNetwork = Native.OpenHandle("/proc/self/ns/net", Native.OpenReadOnly);
    private readonly RuntimeMounts _mounts;
    private readonly PreparedStock<OciSandbox> _stock;
    private readonly int _cpuQuotaMax;
    private TmpImages? _images;
    private bool _hasWarnedOfTmp;
    private int _disposed;
    private readonly byte[]? _seccomp;
    private readonly string _emptyFolder;
    private readonly EgressNetwork? _egress;
    private readonly ConcurrentDictionary<Slot, byte> _leftOver = new();

    public OciSandboxBackend(SandboxOptions options, TimeProvider time, ILogger<OciSandboxBackend> logger)
    {
        _options = options;
        _logger = logger;
        _layout = CgroupLayout.Detect();
        _cgroups = new CgroupTree(_layout, time);
        _emptyFolder = Path.Join(options.StateFolder, "empty");
        Directory.CreateDirectory(_emptyFolder);
        Directory.CreateDirectory(Path.Join(options.StateFolder, "sandboxes"));
        _slots = new SlotDirectory(options.StateFolder);
        _egress = EgressNetwork.Start(_slots.Owner, options.Egress, options.StateFolder, logger);
        _seccomp = options.Seccomp ? SeccompProfile.Load() : null;
        _mounts = new RuntimeMounts(hidden: _layout.IsHybrid ? _layout.UnifiedMount : null);
        _stock = new PreparedStock<OciSandbox>(
            new PreparedStockOptions(options.PreparedSlots, options.PreparationQuiet, options.PreparedFor), PrepareAsync, s => s.StandsBy, time);
        _cpuQuotaMax = CgroupLimits.PoolCpuQuota(Environment.ProcessorCount, options.PoolPercent);
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * options.PoolPercent / 100;
        var unlimited = _cgroups.LimitPool(options.CgroupParent, CgroupLimits.Pool(_layout.IsUnified, memory, _cpuQuotaMax));
        if (unlimited.Count > 0)
        {
            LogNoPoolLimit(string.Join(" and no ", unlimited));
        }
    }

    public string Name => "oci";

    public async Task<ISandbox> CreateAsync(SandboxSpec spec, CancellationToken cancellationToken)
    {
        var root = RootFileSystem.At(spec.RootFileSystem);
        _stock.StartBegun();
        try
        {
            var runtime = _runtime ?? await ChooseOnceAsync(cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            return await TryTakeAsync(root, spec) ?? await MakeAsync(runtime, ClaimSlot(), spec, isPrepared: false, cancellationToken);
        }
        finally
        {
            _stock.StartEnded(root);
        }
    }

    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        foreach (var slot in _leftOver.Keys)
        {
            if (_leftOver.TryRemove(slot, out _))
            {
                await RemoveAsync(slot);
            }
        }
        foreach (var owner in _slots.Owners().ToList())
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var dead = _slots.TryLockDead(owner);
            if (dead is not null)
            {
                await SweepOwnerAsync(owner);
            }
        }
        await _stock.TendAsync();
        await EgressNetwork.SweepAsync(_slots.Owners(), _options.StateFolder);
        await (_egress?.RefreshAsync() ?? Task.CompletedTask);
    }

    /// <summary>Removes everything a slot stands for. Never throws: what resists stays taken and is tried again.</summary>
    internal async Task RemoveAsync(Slot slot)
    {
        Exception? reason = null;
        try
        {
            if (await _cgroups.RemoveAsync(CgroupPath(slot), RemovePatience))
            {
                DeleteFolder(slot);
                _slots.Release(slot);
                return;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reason = e;
        }
        _leftOver[slot] = 0;
        LogLeftOver(slot.Name, reason);
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        await _stock.DisposeAsync();
        await (_egress?.DisposeAsync() ?? default);
        _ = await _cgroups.RemoveAsync($"{_options.CgroupParent}/{_slots.Owner}", TimeSpan.Zero);
        _slots.Dispose();
        _hostNetwork.Dispose();
        _mounts.Dispose();
        _images?.Dispose();
        _choosing.Dispose();
    }

    private Slot ClaimSlot() => _slots.TryClaim(_options.MaxSandboxes)
        ?? throw new SandboxException($"All {_options.MaxSandboxes} sandbox slots of this host are taken.");

    private async Task SweepOwnerAsync(string owner)
    {
        var swept = 0;
        var whole = true;
        foreach (var slot in _slots.Claimed().Where(s => s.Owner == owner))
        {
            whole &= await _cgroups.RemoveAsync(CgroupPath(slot), RemovePatience);
            if (whole)
            {
                DeleteFolder(slot);
                _slots.Release(slot);
                swept++;
            }
        }
        if (whole && await _cgroups.RemoveAsync($"{_options.CgroupParent}/{owner}", RemovePatience))
        {
            _slots.Forget(owner);
        }
        LogSwept(swept, owner);
    }

    private void DeleteFolder(Slot slot)
    {
        if (Directory.Exists(FolderOf(slot)))
        {
            Directory.Delete(FolderOf(slot), recursive: true);
        }
    }

    private string FolderOf(Slot slot) => Path.Join(_options.StateFolder, "sandboxes", slot.Name);

    private string CgroupPath(Slot slot) => $"{_options.CgroupParent}/{slot.Owner}/{slot.Number}";
}
