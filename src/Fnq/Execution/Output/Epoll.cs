using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Output;

/// <summary>The system calls of the output pump. The kernel's epoll_event is packed on x86-64 only.</summary>
internal static unsafe partial class Epoll
{
    public const int Add = 1;
    public const int Delete = 2;
    public const uint Readable = 1;
    public const int TryAgain = 11;
    public const int Interrupted = 4;
    private const int CloseOnExec = 0x80000;
    private const uint NonBlocking = 2;
    private const int SetPipeSize = 1031;
    private const int WidePipe = 1024 * 1024;
    private static readonly SafeFileHandle Nowhere = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write);
    private static readonly bool Packed = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    public static int EventSize => Packed ? 12 : 16;

    public static SafeFileHandle Create() => Check(EpollCreate(CloseOnExec), "epoll_create1");

    public static SafeFileHandle CreateEvent() => Check(EventFd(0, CloseOnExec), "eventfd");

    public static void Control(SafeFileHandle epoll, int operation, SafeFileHandle file, long token)
    {
        var entry = stackalloc byte[16];
        *(uint*)entry = Readable;
        *(long*)(entry + (Packed ? 4 : 8)) = token;
        if (EpollControl(epoll, operation, file, entry) != 0 && operation == Add)
        {
            throw new IOException($"epoll_ctl failed with errno {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>The tokens of files that can be read; blocks until there is one.</summary>
    public static int Wait(SafeFileHandle epoll, Span<byte> buffer, Span<long> tokens)
    {
        fixed (byte* entries = buffer)
        {
            var count = EpollWait(epoll, entries, Math.Min(tokens.Length, buffer.Length / EventSize), -1);
            for (var i = 0; i < count; i++)
            {
                tokens[i] = *(long*)(entries + i * EventSize + (Packed ? 4 : 8));
            }

            return count;
        }
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

    private static SafeFileHandle Check(int descriptor, string call) => descriptor >= 0
        ? new SafeFileHandle(descriptor, ownsHandle: true)
        : throw new IOException($"{call} failed with errno {Marshal.GetLastPInvokeError()}");

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(SafeFileHandle epoll, int operation, SafeFileHandle file, byte* entry);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int EpollWait(SafeFileHandle epoll, byte* entries, int max, int timeout);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadFile(SafeFileHandle file, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "splice", SetLastError = true)]
    private static partial nint Splice(SafeFileHandle from, nint fromOffset, SafeFileHandle to, nint toOffset, nuint count, uint flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FileControl(SafeFileHandle file, int command, int value);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteFile(SafeFileHandle file, void* buffer, nuint count);
}
