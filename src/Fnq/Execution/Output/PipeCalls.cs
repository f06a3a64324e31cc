using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Output;

/// <summary>What the output pump does with pipes.</summary>
internal static unsafe partial class PipeCalls
{
    public const int TryAgain = 11;
    public const int Interrupted = 4;
    private const int CloseOnExec = 0x80000;
    private const uint NonBlocking = 2;
    private const int SetPipeSize = 1031;
    private const int WidePipe = 1024 * 1024;
    private static readonly SafeFileHandle Nowhere = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write);

    public static SafeFileHandle CreateEvent()
    {
        var descriptor = EventFd(0, CloseOnExec);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw new IOException($"eventfd failed with errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Bytes read, 0 at the end, or minus the error number.</summary>
    public static int Read(SafeFileHandle file, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var count = (int)ReadFile(file, start, (nuint)buffer.Length);
            return count < 0 ? -Marshal.GetLastPInvokeError() : count;
        }
    }

    /// <summary>Throws away what lies in a pipe, whose pages are given back uncopied. Returns as <see cref="Read"/> does.</summary>
    public static int Discard(SafeFileHandle pipe, int maxBytes)
    {
        var count = (int)Splice(pipe, 0, Nowhere, 0, (nuint)maxBytes, NonBlocking);
        return count < 0 ? -Marshal.GetLastPInvokeError() : count;
    }

    /// <summary>As much room as one may have without a privilege; a pipe that cannot have it keeps its own.</summary>
    public static void Widen(SafeFileHandle pipe) => _ = FileControl(pipe, SetPipeSize, WidePipe);

    public static void Signal(SafeFileHandle eventFile)
    {
        ulong one = 1;
        _ = WriteFile(eventFile, &one, sizeof(ulong));
    }

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadFile(SafeFileHandle file, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "splice", SetLastError = true)]
    private static partial nint Splice(SafeFileHandle from, nint fromOffset, SafeFileHandle to, nint toOffset, nuint count, uint flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FileControl(SafeFileHandle file, int command, int value);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteFile(SafeFileHandle file, void* buffer, nuint count);
}
