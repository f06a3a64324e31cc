using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Transport;

[Flags]
internal enum EpollEvents : uint
{
    Readable = 0x1,
    Writable = 0x4,
    Error = 0x8,
    HangUp = 0x10,
    PeerHangUp = 0x2000,
    EdgeTriggered = 1u << 31,
}

/// <summary>What has happened, and to which of those that were added.</summary>
internal readonly record struct EpollHappening(EpollEvents Events, long Token);

/// <summary>Waiting for many files at once. The kernel's epoll_event is packed on x86-64 only.</summary>
internal static unsafe partial class Epoll
{
    public const int EventBytesMax = 16;
    private const int CloseOnExec = 0x80000, ToAdd = 1, ToDelete = 2, ToModify = 3;
    private static readonly (int Size, int TokenAt) Layout = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? (12, 4) : (16, 8);

    public static SafeFileHandle Create()
    {
        var descriptor = EpollCreate(CloseOnExec);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Failure("epoll_create1");
    }

    /// <exception cref="IOException">The kernel has no room for it.</exception>
    public static void Add(SafeFileHandle epoll, SafeHandle file, EpollEvents events, long token)
    {
        if (!TryControl(epoll, ToAdd, file, events, token))
        {
            throw Failure("epoll_ctl");
        }
    }

    /// <summary>What is true of it now is said once more, behind what waits to be said.</summary>
    public static void AskAgain(SafeFileHandle epoll, SafeHandle file, EpollEvents events, long token) =>
        TryControl(epoll, ToModify, file, events, token);

    public static void Remove(SafeFileHandle epoll, SafeHandle file) => TryControl(epoll, ToDelete, file, default, default);

    /// <summary>Blocks until something has happened; negative when a signal came first.</summary>
    /// <param name="buffer">For <see cref="EventBytesMax"/> bytes each of <paramref name="happened"/>.</param>
    public static int Wait(SafeFileHandle epoll, Span<byte> buffer, Span<EpollHappening> happened)
    {
        fixed (byte* entries = buffer)
        {
            var count = EpollWait(epoll, entries, Math.Min(happened.Length, buffer.Length / EventBytesMax), -1);
            for (var i = 0; i < count; i++)
            {
                var entry = entries + (i * Layout.Size);
                happened[i] = new EpollHappening(*(EpollEvents*)entry, *(long*)(entry + Layout.TokenAt));
            }

            return count;
        }
    }

    private static bool TryControl(SafeFileHandle epoll, int operation, SafeHandle file, EpollEvents events, long token)
    {
        var entry = stackalloc byte[EventBytesMax];
        *(EpollEvents*)entry = events;
        *(long*)(entry + Layout.TokenAt) = token;
        return EpollControl(epoll, operation, file, entry) == 0;
    }

    private static IOException Failure(string call) => new($"{call} failed with errno {Marshal.GetLastPInvokeError()}");

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(SafeFileHandle epoll, int operation, SafeHandle file, byte* entry);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int EpollWait(SafeFileHandle epoll, byte* entries, int max, int timeout);
}
