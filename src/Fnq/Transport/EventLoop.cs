using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Transport;

/// <summary>
/// A thread that waits for sockets and itself goes on with whoever waited for them: between the bytes of a request and its
/// function there is no queue, and no other thread to wake. What runs here must be short.
/// </summary>
internal sealed unsafe partial class EventLoop
{
    private const int EventsMax = 256;
    private const int CloseOnExec = 0x80000, Add = 1, Modify = 3;
    private const uint In = 0x1, Out = 0x4, Error = 0x8, HangUp = 0x10, PeerHangUp = 0x2000, EdgeTriggered = 1u << 31;

    /// <summary>The kernel packs its event on x86-64 alone: flags, then the eight bytes that are ours.</summary>
    private static readonly (int Length, int Ours) EventWords =
        RuntimeInformation.ProcessArchitecture == Architecture.X64 ? (3, 1) : (4, 2);

    private static readonly EventLoop[] All = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(number => new EventLoop(number))];
    private static uint _last;

    private readonly SafeFileHandle _epoll;
    private readonly ConcurrentDictionary<int, LoopSocket> _sockets = new();

    private EventLoop(int number)
    {
        _epoll = new SafeFileHandle(EpollCreate(CloseOnExec), ownsHandle: true);
        if (_epoll.IsInvalid)
        {
            throw new SocketException();
        }

        new Thread(Run) { IsBackground = true, Name = $"sockets {number}" }.Start();
    }

    /// <summary>A process has one loop a processor; sockets take turns.</summary>
    public static EventLoop Next() => All[Interlocked.Increment(ref _last) % (uint)All.Length];

    public void Watch(LoopSocket socket)
    {
        _sockets[socket.Descriptor] = socket;
        if (!TryControl(Add, socket))
        {
            var error = Marshal.GetLastPInvokeError();
            Forget(socket);
            throw new SocketException(error);
        }
    }

    /// <summary>What is true of it now is said once more, after what the others have to say.</summary>
    public void AskAgain(LoopSocket socket) => TryControl(Modify, socket);

    /// <summary>Before it is closed, which takes it out of the kernel's list.</summary>
    public void Forget(LoopSocket socket) => _sockets.TryRemove(new(socket.Descriptor, socket));

    private bool TryControl(int operation, LoopSocket socket)
    {
        var wanted = stackalloc uint[EventWords.Length];
        new Span<uint>(wanted, EventWords.Length).Clear();
        wanted[0] = In | Out | PeerHangUp | EdgeTriggered;
        wanted[EventWords.Ours] = (uint)socket.Descriptor;
        return EpollControl(_epoll, operation, socket.Descriptor, wanted) == 0;
    }

    private void Run()
    {
        var happened = stackalloc uint[EventsMax * EventWords.Length];
        while (true)
        {
            var count = EpollWait(_epoll, happened, EventsMax, timeout: -1);
            for (var i = 0; i < count; i++)
            {
                // Of one that was closed meanwhile nobody knows; if its number is another's by now, that one looks in vain.
                var words = happened + (i * EventWords.Length);
                if (_sockets.TryGetValue((int)words[EventWords.Ours], out var socket))
                {
                    Wake(socket, words[0]);
                }
            }
        }
    }

    private static void Wake(LoopSocket socket, uint events)
    {
        if ((events & (PeerHangUp | Error | HangUp)) != 0)
        {
            socket.IsEnding = true;
        }

        if ((events & (In | PeerHangUp | Error | HangUp)) != 0)
        {
            socket.Readable.Set();
        }

        if ((events & (Out | Error | HangUp)) != 0)
        {
            socket.Writable.Set();
        }
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(SafeFileHandle epoll, int operation, int descriptor, uint* wanted);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int EpollWait(SafeFileHandle epoll, uint* happened, int max, int timeout);
}
