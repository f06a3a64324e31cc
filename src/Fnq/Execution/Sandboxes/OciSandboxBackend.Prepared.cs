namespace Fnq.Execution.Sandboxes;

/// <summary>Sandboxes that are made before anybody knows what will run in them.</summary>
internal sealed partial class OciSandboxBackend
{
    private const int PreparedTmpMb = 512;
    private const int PreparedMemoryMb = 128;

    /// <summary>Of all slots; the rest is for real starts.</summary>
    private const int PreparedSlotPercent = 90;
    private bool? _fillsLater;

    public void Expect(string rootFileSystem) => _stock.Expect(RootFileSystem.At(rootFileSystem));

    /// <summary>Ids of those that stand by, for a look from outside.</summary>
    internal List<string> Prepared() => [.. _stock.Ready().Select(s => s.Id)];

    private async Task<OciSandbox?> TryTakeAsync(RootFileSystem root, SandboxSpec spec)
    {
        if (spec.EphemeralStorageMb != PreparedTmpMb || _stock.TryTake(root) is not { } sandbox)
        {
            return null;
        }
        try
        {
            await AssignAsync(sandbox, spec.CodeFolder, spec.LayersFolder, spec.MemorySizeMb);
            await sandbox.OpenAsync(spec.Egress);
            return sandbox;
        }
        catch (Exception e) when (e is SandboxException or IOException or UnauthorizedAccessException)
        {
            LogNotAssigned(sandbox.Id, e);
            await sandbox.DisposeAsync();
            return null;
        }
    }

    private async Task AssignAsync(OciSandbox sandbox, string code, string? layers, int memorySizeMb)
    {
        var mounted = _mounts.RunAsync(new SlotFolders(FolderOf(sandbox.Slot)).Fill(code, layers));
        sandbox.Resize(memorySizeMb);
        await mounted;
    }

    /// <summary>Null when there is no room, or when this host's OCI runtime makes none that can be filled later.</summary>
    private async Task<OciSandbox?> PrepareAsync(RootFileSystem root)
    {
        try
        {
            var runtime = _runtime ?? await ChooseOnceAsync(CancellationToken.None);
            _fillsLater ??= await TryFillAsync(runtime);
            return _fillsLater is true && _slots.TryClaim(_options.MaxSandboxes * PreparedSlotPercent / 100) is { } slot
                ? await MakeAsync(runtime, slot, PreparedSpec(root.Path), isPrepared: true, CancellationToken.None)
                : null;
        }
        // Nobody waits for it: whatever it was, a real start meets it again and reports it.
        catch (Exception e)
        {
            LogNotPrepared(root.Path, e);
            return null;
        }
    }

    private static SandboxSpec PreparedSpec(string root) => new()
    {
        RootFileSystem = root,
        CodeFolder = "",
        MemorySizeMb = PreparedMemoryMb,
        EphemeralStorageMb = PreparedTmpMb,
    };

    /// <summary>Whether what is mounted later is seen inside, and read-only: asked of the kernel once, before any is kept.</summary>
    private async Task<bool> TryFillAsync(OciRuntime runtime)
    {
        if (_slots.TryClaim(_options.MaxSandboxes) is not { } slot)
        {
            return false;
        }
        await using var trial = await MakeAsync(runtime, slot, PreparedSpec(TrialRoot()), isPrepared: true, CancellationToken.None);
        await AssignAsync(trial, _emptyFolder, _emptyFolder, PreparedMemoryMb);
        var process = _cgroups.Processes(CgroupPath(slot)).FirstOrDefault();
        var seen = process != 0 && File.ReadLines($"/proc/{process}/mountinfo").Select(l => l.Split(' '))
            .Where(f => f[4] is "/var/task" or "/opt").GroupBy(f => f[4])
            .Count(at => at.Count() == 2 && at.Last()[5].Split(',').Contains("ro")) == 2;
        if (!seen)
        {
            LogCannotFill(runtime.Path);
        }
        return seen;
    }
}
