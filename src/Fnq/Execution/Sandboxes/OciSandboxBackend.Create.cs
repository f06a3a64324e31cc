using Fnq.Execution.Sandboxes.Egress;

namespace Fnq.Execution.Sandboxes;

/// <summary>How one sandbox is made, and on what of this host.</summary>
internal sealed partial class OciSandboxBackend
{
    /// <summary>The slot is this one's from now on: it is free again when this fails.</summary>
    private async Task<OciSandbox> MakeAsync(OciRuntime runtime, Slot slot, SandboxSpec spec, bool isPrepared, CancellationToken cancellationToken)
    {
        var owned = new Stack<IDisposable>();
        EgressLink? link = null;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            var firstUid = _options.FirstHostUid + (slot.Number * OciConfiguration.UidsPerSlot);
            var pipes = new SandboxPipes((uint)(firstUid + OciConfiguration.FunctionUid));
            owned.Push(pipes);
            var folders = new SlotFolders(FolderOf(slot));
            folders.Make(isPrepared);
            var tmp = _images is { } images ? new TmpVolume(await images.AttachAsync(spec.EphemeralStorageMb, cancellationToken), folders.Tmp) : null;
            if (tmp is not null)
            {
                owned.Push(tmp);
            }
            var paths = new ReachablePaths(folders.Folder);
            var input = Input(slot, Reachable(spec, folders, paths, isPrepared), paths, firstUid) with
            {
                IsPrepared = isPrepared,
                TmpFolder = tmp is null ? null : folders.Tmp,
            };
            var view = new RuntimeView(isPrepared ? folders.Share() : [], paths.Binds, tmp, (uint)firstUid);
            var network = await runtime.CreateAsync(
                folders.Folder, pipes, view, _options.CreateTimeout, () => UserNamespace.Create(firstUid, OciConfiguration.UidsPerSlot),
                (made, users) =>
                {
                    link = _egress?.Attach(made);
                    File.WriteAllBytes(
                        Path.Join(folders.Folder, "config.json"), OciConfiguration.Write(input with { NetworkPath = made.Path, UserPath = users?.Path }));
                });
            owned.Push(network);
            await (link?.OpenAsync(spec.Egress) ?? Task.CompletedTask);
            // Whoever gave up meanwhile gets no sandbox, and none is left.
            cancellationToken.ThrowIfCancellationRequested();
            var cgroup = new SandboxCgroup(_layout, CgroupPath(slot));
            cgroup.TryHarden(tmp?.Device);
            return new OciSandbox(this, slot, new SandboxParts(network, link, cgroup, pipes, tmp), spec.MemorySizeMb, _cpuQuotaMax);
        }
        catch
        {
            foreach (var part in owned)
            {
                part.Dispose();
            }
            await (link?.ForgetAsync() ?? Task.CompletedTask);
            await RemoveAsync(slot);
            throw;
        }
    }

    private static SandboxSpec Reachable(SandboxSpec spec, SlotFolders folders, ReachablePaths paths, bool isPrepared) => spec with
    {
        RootFileSystem = paths.Of(spec.RootFileSystem, "rootfs"),
        CodeFolder = isPrepared ? folders.Task : paths.Of(spec.CodeFolder, "code"),
        LayersFolder = isPrepared ? folders.Layers : spec.LayersFolder is { } layers ? paths.Of(layers, "layers") : null,
    };

    private OciInput Input(Slot slot, SandboxSpec reachable, ReachablePaths paths, int firstUid) => new(
        reachable, paths.Of(_options.InitPath, "init"), _emptyFolder, NetworkPath: "", $"/{CgroupPath(slot)}", firstUid, _seccomp)
    {
        CpuQuotaMax = _cpuQuotaMax,
        ResolverFile = _egress?.ResolverFile,
    };

    /// <summary>A failure is not kept: what was missing may be installed meanwhile.</summary>
    private async Task<OciRuntime> ChooseOnceAsync(CancellationToken cancellationToken)
    {
        await _choosing.WaitAsync(cancellationToken);
        try
        {
            if (_runtime is null && _images is null && !_hasWarnedOfTmp)
            {
                _images = await TryImagesAsync();
            }
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
            // runc 1.1 enters the user namespace before the network that it then may not enter; in a container crun hangs.
            foreach (var joins in _layout.IsContained ? (bool[])[false] : [true, false])
            {
                var runtime = new OciRuntime(path, _options.OciRuntimeArguments, _hostNetwork, _mounts) { JoinsUserNamespaces = joins };
                if (await TryAsync(runtime) is { } reason)
                {
                    reasons.Add(reason);
                    continue;
                }
                LogReady(path, _layout.IsUnified ? "v2" : _layout.IsHybrid ? "v1 beside v2" : "v1", _options.StateFolder);
                if (!joins)
                {
                    LogSharedCounts(path);
                }
                return runtime;
            }
            LogUnusable(path, reasons[^1]);
        }
        throw new SandboxException($"No OCI runtime can run a sandbox on this machine. {string.Join("; ", reasons)}");
    }

    /// <summary>Null when it brought a sandbox up and down, or why it did not.</summary>
    private async Task<string?> TryAsync(OciRuntime runtime)
    {
        try
        {
            var spec = new SandboxSpec
            {
                RootFileSystem = TrialRoot(), CodeFolder = _emptyFolder, MemorySizeMb = PreparedMemoryMb, EphemeralStorageMb = PreparedTmpMb,
            };
            await using var trial = await MakeAsync(runtime, ClaimSlot(), spec, isPrepared: false, CancellationToken.None);
            await trial.KillProcessesAsync(CancellationToken.None);
            return null;
        }
        catch (SandboxException e)
        {
            return e.Message;
        }
    }

    /// <summary>A root with nothing in it: process 1 is static and is mounted in.</summary>
    private string TrialRoot()
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
        return root;
    }

    /// <summary>Null where a loop device with a file system cannot be had: then /tmp is memory of the function.</summary>
    private async Task<TmpImages?> TryImagesAsync()
    {
        var images = new TmpImages(_options.ImageFolder);
        var target = Path.Join(_options.StateFolder, $"tmp-trial-{_slots.Owner}");
        try
        {
            Directory.CreateDirectory(target);
            using var volume = new TmpVolume(await images.AttachAsync(PreparedTmpMb, CancellationToken.None), target);
            await _mounts.TryAsync(volume);
            return images;
        }
        catch (Exception e) when (e is SandboxException or IOException or UnauthorizedAccessException)
        {
            images.Dispose();
            _hasWarnedOfTmp = true;
            LogTmpInMemory(e.Message);
            return null;
        }
        finally
        {
            // In the private mount namespace that unmounts too.
            Directory.Delete(target);
        }
    }
}
