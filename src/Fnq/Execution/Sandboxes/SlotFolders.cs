namespace Fnq.Execution.Sandboxes;

/// <summary>
/// The folder of one slot, and how a sandbox that was made before anybody knew its code gets to see it: what is mounted
/// in the shared folder here appears in the sandbox, which has it as a slave and can send nothing back.
/// </summary>
internal sealed record SlotFolders(string Folder)
{
    internal string Tmp => Path.Join(Folder, "tmp");

    internal string Task => Path.Join(Shared, "task");

    internal string Layers => Path.Join(Shared, "opt");

    private string Shared => Path.Join(Folder, "fill");

    private string Staging => Path.Join(Folder, "stage");

    /// <summary>Before the sandbox is made.</summary>
    internal IReadOnlyList<MountStep> Share() => [MountStep.Bind(Shared, Shared), MountStep.Share(Shared)];

    /// <summary>A mount is made read-only aside: there is no moment in which the sandbox could write to it.</summary>
    internal IReadOnlyList<MountStep> Fill(string codeFolder, string? layersFolder) =>
    [
        .. Place(codeFolder, Task),
        .. layersFolder is null ? [] : Place(layersFolder, Layers),
    ];

    internal void Make(bool prepared)
    {
        foreach (var folder in prepared ? (string[])[Tmp, Task, Layers, Staging] : [Tmp])
        {
            Directory.CreateDirectory(folder);
        }
    }

    private MountStep[] Place(string source, string target) =>
        [MountStep.Bind(source, Staging), MountStep.ReadOnly(Staging), MountStep.Move(Staging, target)];
}
