namespace Fnq.Functions.Packages;

internal enum PackageFault
{
    /// <summary>Not a zip that can be trusted: broken, lying or hostile.</summary>
    Unreadable,

    /// <summary>More than <see cref="PackageLimits.UnzippedBytes"/> when unzipped.</summary>
    TooLarge,

    /// <summary>No bytes, or no entries.</summary>
    Empty,
}

/// <summary>Why a code package is refused. The message is for logs and tests; callers answer in AWS's words.</summary>
internal sealed class PackageException(PackageFault fault, string message) : Exception(message)
{
    public PackageFault Fault { get; } = fault;

    public static PackageException Unreadable(string message) => new(PackageFault.Unreadable, message);
}

internal static class PackageLimits
{
    public const int ZippedBytes = 52_428_800;
    public const long UnzippedBytes = 262_144_000;
    public const int Entries = 100_000;

    /// <summary>Also those that no entry names: 50 MB of zip can ask for millions of nested ones.</summary>
    public const int Folders = 100_000;
    public const int NameBytes = 1_024;

    /// <summary>What every Linux file system takes for one path segment.</summary>
    public const int SegmentBytes = 255;
    public const int LinkTargetBytes = 1_024;
    public const int Links = 10_000;

    /// <summary>As the kernel: a path that follows more links than this is a loop.</summary>
    public const int LinkHops = 40;
}
