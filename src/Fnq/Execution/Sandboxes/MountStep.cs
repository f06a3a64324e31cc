namespace Fnq.Execution.Sandboxes;

/// <summary>One call of mount(2).</summary>
internal readonly record struct MountStep(string? Source, string Target, string? Type, nuint Flags, string? Data)
{
    internal static MountStep Bind(string source, string target) => new(source, target, null, Native.MountBind, null);

    /// <summary>For a bind: the flags of this one mount, whatever those of its file system are.</summary>
    internal static MountStep ReadOnly(string target) => new(
        null, target, null,
        Native.MountBind | Native.MountRemount | Native.MountReadOnly | Native.MountNoSetuid | Native.MountNoDevices, null);

    /// <summary>What is mounted there later appears in every copy too.</summary>
    internal static MountStep Share(string target) => new(null, target, null, Native.MountShared, null);

    internal static MountStep Move(string source, string target) => new(source, target, null, Native.MountMove, null);

    internal void Do() => _ = Native.Check(Native.Mount(Source, Target, Type, Flags, Data), $"mount {Source ?? "again"} at {Target}");
}
