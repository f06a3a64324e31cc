using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Transport;

/// <summary>
/// A thread that waits for sockets and itself goes on with whoever waited for them: between the bytes of a request and its
/// function there is no queue and no other thread to wake. Nothing that runs here may block.
/// </summary>
internal sealed unsafe partial class EventLoop
{
    private const int EventsMax = 256;
    private const int CloseOnExec = 0x80000, Add = 1, Modify = 3;
    private const uint In = 0x1, Out = 0x4, Error = 0x8, HangUp = 0x10, PeerHangUp = 0x2000, EdgeTriggered = 1u << 31;

    private static readonly EventLoop[] All = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(number => new EventLoop(number))];
    private static uint _last;

    private readonly SafeFileHandle _epoll;
    private readonly ConcurrentDictionary<nint, LoopSocket> _sockets = new();

    private EventLoop(int number)
    {
        _epoll = new SafeFileHandle(EpollCreate(CloseOnExec), ownsHandle: true);
        if (_epoll.IsInvalid)
        {
            throw new SocketException();
        }

        new Thread(Run) { IsBackground = true, Name = $"sockets-{number}" }.Start();
    }

    /// <summary>The process has one loop a processor, and sockets take turns.</summary>
    public static EventLoop Next() => All[Interlocked.Increment(ref _last) % (uint)All.Length];

    public void Watch(LoopSocket socket, bool again)
    {
        _sockets[socket.Descriptor] = socket;
        var happening = new EpollEvent(In | Out | PeerHangUp | EdgeTriggered, socket.Descriptor);
        if (EpollControl(_epoll, again ? Modify : Add, (int)socket.Descriptor, &happening) != 0)
        {
            _sockets.TryRemove(new(socket.Descriptor, socket));
            throw new SocketException();
        }
    }

    /// <summary>Before the socket is closed, which takes it out of the kernel's list.</summary>
    public void Forget(LoopSocket socket) => _sockets.TryRemove(new(socket.Descriptor, socket));

    private void Run()
    {
        var happened = stackalloc EpollEvent[EventsMax];
        while (true)
        {
            var count = EpollWait(_epoll, happened, EventsMax, -1);
            for (var i = 0; i < count; i++)
            {
                // One that was closed meanwhile, or whose number is another's by now: a needless look at most.
                if (_sockets.TryGetValue((nint)happened[i].Data, out var socket))
                {
                    Wake(socket, happened[i].Events);
                }
            }
        }
    }

    private static void Wake(LoopSocket socket, uint events)
    {
        if ((events & (In | PeerHangUp | Error | HangUp)) != 0)
        {
            socket.Readable.Set();
        }

        if ((events & (Out | Error | HangUp)) != 0)
        {
            socket.Writable.Set();
        }
    }

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private readonly struct EpollEvent(uint events, long data)
    {
        public readonly uint Events = events;
        public readonly long Data = data;
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(SafeFileHandle epoll, int operation, int descriptor, EpollEvent* happening);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int EpollWait(SafeFileHandle epoll, EpollEvent* happened, int max, int timeout);
}
