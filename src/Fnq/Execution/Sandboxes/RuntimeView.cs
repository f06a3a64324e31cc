namespace Fnq.Execution.Sandboxes;

/// <summary>What is mounted in front of an OCI runtime while it makes one sandbox.</summary>
/// <param name="Lasting">Stays until the slot's folder is removed.</param>
/// <param name="Passing">Goes when the sandbox has its own copy.</param>
/// <param name="Owner">Host's user id of the sandbox's root.</param>
internal sealed record RuntimeView(IReadOnlyList<MountStep> Lasting, IReadOnlyList<MountStep> Passing, TmpVolume? Tmp, uint Owner)
{
    internal bool IsEmpty => Passing.Count == 0 && Tmp is null;

    internal void Show()
    {
        foreach (var step in Lasting)
        {
            step.Do();
        }
        foreach (var step in Passing)
        {
            step.Do();
        }
        if (Tmp is not null)
        {
            Tmp.Mount.Do();
            Tmp.Open(Owner);
        }
    }

    internal void Hide()
    {
        foreach (var step in Passing)
        {
            _ = Native.Unmount(step.Target, Native.UnmountDetach);
        }
        if (Tmp is not null)
        {
            _ = Native.Unmount(Tmp.Mount.Target, Native.UnmountDetach);
        }
    }
}
