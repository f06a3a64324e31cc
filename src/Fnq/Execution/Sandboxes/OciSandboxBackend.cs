using System.Collections.Concurrent;
using Fnq.Execution.Sandboxes.Egress;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>Sandboxes as OCI bundles, run by crun, runc or another OCI runtime.</summary>
internal sealed partial class OciSandboxBackend : ISandboxBackend, IDisposable
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
    private readonly SafeFileHandle _hostMounts = Native.OpenHandle("/proc/self/ns/mnt", Native.OpenReadOnly);
    private readonly SafeFileHandle _runtimeMounts;
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
        _runtimeMounts = RuntimeMounts.Create(hidden: _layout.IsHybrid ? _layout.UnifiedMount : null);
        var pool = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * options.PoolMemoryPercent / 100;
        if (!_cgroups.TryLimitPool(options.CgroupParent, pool))
        {
            LogNoPoolLimit();
        }
    }

    public string Name => "oci";

    public async Task<ISandbox> CreateAsync(SandboxSpec spec, CancellationToken cancellationToken) =>
        await CreateAsync(_runtime ?? await ChooseOnceAsync(cancellationToken), spec, cancellationToken);

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

    public void Dispose()
    {
        if (_slots.Owners().All(owner => owner == _slots.Owner))
        {
            _egress?.PutBackForwarding();
        }
        _egress?.Dispose();
        _ = _cgroups.RemoveAsync($"{_options.CgroupParent}/{_slots.Owner}", TimeSpan.Zero).Result;
        _slots.Dispose();
        _hostNetwork.Dispose();
        _hostMounts.Dispose();
        _runtimeMounts.Dispose();
        _choosing.Dispose();
    }

    private async Task<ISandbox> CreateAsync(OciRuntime runtime, SandboxSpec spec, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var slot = _slots.TryClaim(_options.MaxSandboxes)
            ?? throw new SandboxException($"All {_options.MaxSandboxes} sandbox slots of this host are taken.");
        SandboxPipes? pipes = null;
        NetworkNamespace? network = null;
        EgressLink? link = null;
        try
        {
            var firstUid = _options.FirstHostUid + (slot.Number * OciConfiguration.UidsPerSlot);
            pipes = new SandboxPipes((uint)(firstUid + OciConfiguration.FunctionUid));
            var folder = FolderOf(slot);
            Directory.CreateDirectory(folder);
            var paths = new ReachablePaths(folder);
            var reachable = spec with
            {
                RootFileSystem = paths.Of(spec.RootFileSystem, "rootfs"),
                CodeFolder = paths.Of(spec.CodeFolder, "code"),
                LayersFolder = spec.LayersFolder is { } layers ? paths.Of(layers, "layers") : null,
            };
            var init = paths.Of(_options.InitPath, "init");
            network = await runtime.CreateAsync(folder, pipes, paths.Binds, _options.CreateTimeout, made =>
            {
                link = _egress?.Attach(made);
                File.WriteAllBytes(Path.Join(folder, "config.json"), OciConfiguration.Write(new OciInput(
                    reachable, init, _emptyFolder, made.Path, $"/{CgroupPath(slot)}", firstUid, _seccomp, _egress?.ResolverFile)));
            });
            if (link is not null)
            {
                await _egress!.OpenAsync(network, link, spec.Egress);
            }

            // Whoever gave up meanwhile gets no sandbox, and none is left.
            cancellationToken.ThrowIfCancellationRequested();
            return new OciSandbox(this, slot, spec, network, new SandboxCgroup(_layout, CgroupPath(slot)), pipes)
            {
                Closed = () => link is null ? Task.CompletedTask : _egress!.ForgetAsync(link),
            };
        }
        catch
        {
            pipes?.Dispose();
            network?.Dispose();
            await RemoveAsync(slot);
            throw;
        }
    }

    /// <summary>A failure is not kept: what was missing may be installed meanwhile.</summary>
    private async Task<OciRuntime> ChooseOnceAsync(CancellationToken cancellationToken)
    {
        await _choosing.WaitAsync(cancellationToken);
        try
        {
            return _runtime ??= await ChooseRuntimeAsync();
        }
        finally
        {
            _choosing.Release();
        }
    }

    /// <summary>The first runtime that really brings a sandbox up and down on this host.</summary>
    private async Task<OciRuntime> ChooseRuntimeAsync()
    {
        var names = _options.OciRuntime is { } chosen ? [chosen] : new[] { "crun", "runc" };
        var reasons = new List<string>();
        foreach (var name in names)
        {
            var path = Path.IsPathRooted(name) ? name : OciRuntime.Find(name);
            if (path is null || !File.Exists(path))
            {
                reasons.Add($"{name}: not installed");
                continue;
            }
            var runtime = new OciRuntime(path, _hostNetwork, _hostMounts, _runtimeMounts);
            try
            {
                await using var trial = await CreateAsync(runtime, TrialSpec(), CancellationToken.None);
                await trial.KillProcessesAsync(CancellationToken.None);
                LogReady(path, _layout.IsUnified ? "v2" : _layout.IsHybrid ? "v1 beside v2" : "v1", _options.StateFolder);
                return runtime;
            }
            catch (SandboxException e)
            {
                reasons.Add(e.Message);
                LogUnusable(path, e.Message);
            }
        }
        throw new SandboxException($"No OCI runtime can run a sandbox on this machine. {string.Join("; ", reasons)}");
    }

    /// <summary>A root with nothing in it: process 1 is static and is mounted in.</summary>
    private SandboxSpec TrialSpec()
    {
        var root = Path.Join(_options.StateFolder, "trial");
        foreach (var folder in (string[])["dev", "proc", "tmp", "opt", "var/task", "var/rapid"])
        {
            Directory.CreateDirectory(Path.Join(root, folder));
        }
        using (File.Open(Path.Join(root, "var/rapid/init"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite))
        {
            // Only a mount point.
        }
        return new SandboxSpec { RootFileSystem = root, CodeFolder = _emptyFolder, MemorySizeMb = 128, EphemeralStorageMb = 1 };
    }

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
            await EgressNetwork.SweepAsync(owner, _options.StateFolder);
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
