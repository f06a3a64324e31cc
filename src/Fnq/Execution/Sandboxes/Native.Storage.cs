using System.Runtime.InteropServices;

namespace Fnq.Execution.Sandboxes;

/// <summary>Calls around images, loop devices and mounts. Numbers are those of x86_64 Linux.</summary>
internal static partial class Native
{
    /// <summary>A file without a name: it goes with its last descriptor.</summary>
    internal const int OpenTemporary = 0x410000;
    internal const int OpenFolder = 0x10000;
    internal const nuint MountReadOnly = 1, MountNoSetuid = 2, MountNoDevices = 4, MountRemount = 1 << 5, MountNoAccessTimes = 1 << 10;
    internal const nuint MountMove = 1 << 13, MountShared = 1 << 20;
    internal const nuint GetFreeLoop = 0x4c82, ConfigureLoop = 0x4c0a, CloneFile = 0x40049409, ShutDownFileSystem = 0x8004587d;
    internal const uint LoopAutoClear = 4, LoopDirectIo = 16;
    internal const int SeekData = 3, SeekHole = 4;
    internal const int AtCurrentFolder = -100, AtFollowLinks = 0x400, AtRemoveFolder = 0x200;
    internal const int ErrnoBusy = 16, ErrnoNoSuchDevice = 6;

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Control(int fd, nuint request, nint argument);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static unsafe partial int Control(int fd, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(int fd, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    internal static unsafe partial nint CopyRange(int from, long* fromOffset, int to, long* toOffset, nuint length, uint flags);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Link(int fromFolder, string from, int toFolder, string to, int flags);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Remove(int folder, string name, int flags);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    internal static partial int ChangeMode(int fd, uint mode);
}
