using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Transport;

/// <summary>
/// A thread that waits for sockets and itself goes on with whoever waited for them: between the bytes of a request and its
/// function there is no queue, and no other thread to wake. What runs here must be short.
/// </summary>
internal sealed class EventLoop
{
    private const int EventsMax = 256;
    private const EpollEvents Ending = EpollEvents.PeerHangUp | EpollEvents.Error | EpollEvents.HangUp;
    private const EpollEvents Wanted = EpollEvents.Readable | EpollEvents.Writable | EpollEvents.PeerHangUp | EpollEvents.EdgeTriggered;

    private static readonly EventLoop[] All = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(number => new EventLoop(number))];
    private static uint _last;

    /// <summary>Of the loop whose thread this is.</summary>
    [ThreadStatic]
    private static Queue<Action>? t_afterTurn;

    private readonly SafeFileHandle _epoll = Epoll.Create();
    private readonly ConcurrentDictionary<int, LoopSocket> _sockets = new();

    private EventLoop(int number) => new Thread(Run) { IsBackground = true, Name = $"sockets {number}" }.Start();

    /// <summary>A process has one loop a processor; sockets take turns.</summary>
    public static EventLoop Next() => All[Interlocked.Increment(ref _last) % (uint)All.Length];

    /// <exception cref="IOException">The kernel has no room for it.</exception>
    public void Watch(LoopSocket socket)
    {
        _sockets[socket.Descriptor] = socket;
        try
        {
            Epoll.Add(_epoll, socket.Handle, Wanted, socket.Descriptor);
        }
        catch (IOException)
        {
            Forget(socket);
            throw;
        }
    }

    /// <summary>
    /// Has it done when all that the loop has heard of has been gone on with: what many of them write to one place leaves
    /// together. False where no loop's turn is under way.
    /// </summary>
    public static bool TryAfterTurn(Action action)
    {
        t_afterTurn?.Enqueue(action);
        return t_afterTurn is not null;
    }

    /// <summary>Wakes it once more after the others, if there is something to wake it for.</summary>
    public void AskAgain(LoopSocket socket) => Epoll.AskAgain(_epoll, socket.Handle, Wanted, socket.Descriptor);

    /// <summary>Before it is closed, which takes it out of the kernel's list.</summary>
    public void Forget(LoopSocket socket) => _sockets.TryRemove(new(socket.Descriptor, socket));

    private void Run()
    {
        var afterTurn = t_afterTurn = new Queue<Action>();
        Span<byte> buffer = stackalloc byte[EventsMax * Epoll.EventBytesMax];
        Span<EpollHappening> happened = stackalloc EpollHappening[EventsMax];
        while (true)
        {
            var count = Epoll.Wait(_epoll, buffer, happened);
            for (var i = 0; i < count; i++)
            {
                // Of one that was closed meanwhile nobody knows; if its number is another's by now, that one looks in vain.
                if (_sockets.TryGetValue((int)happened[i].Token, out var socket))
                {
                    Wake(socket, happened[i].Events);
                }
            }

            while (afterTurn.TryDequeue(out var action))
            {
                action();
            }
        }
    }

    private static void Wake(LoopSocket socket, EpollEvents events)
    {
        if ((events & Ending) != 0)
        {
            socket.IsEnding = true;
        }

        if ((events & (EpollEvents.Readable | Ending)) != 0)
        {
            socket.Readable.Set();
        }

        if ((events & (EpollEvents.Writable | EpollEvents.Error | EpollEvents.HangUp)) != 0)
        {
            socket.Writable.Set();
        }
    }
}
