using System.Buffers;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Fnq.Transport;

/// <summary>A connected socket that never blocks and is waited for by an event loop.</summary>
internal sealed class LoopSocket : IDisposable
{
    private readonly Socket _socket;
    private readonly EventLoop _loop;
    private readonly List<ArraySegment<byte>> _segments = [];
    private bool _ending;

    public LoopSocket(Socket socket, EventLoop loop)
    {
        _socket = socket;
        _loop = loop;
        socket.Blocking = false;
        Descriptor = (int)socket.Handle;
        loop.Watch(this);
    }

    public int Descriptor { get; }

    public SafeHandle Handle => _socket.SafeHandle;

    /// <summary>The end of the stream is behind what can be read, and is not said once more.</summary>
    public bool IsEnding
    {
        get => Volatile.Read(ref _ending);
        set => Volatile.Write(ref _ending, value);
    }

    public Readiness Readable { get; } = new();

    public Readiness Writable { get; } = new();

    /// <summary>The bytes taken in; 0 at the end of the stream, -1 when there is nothing yet.</summary>
    public int TryReceive(Span<byte> buffer) => Check(_socket.Receive(buffer, SocketFlags.None, out var error), error);

    /// <summary>The bytes that the socket took; -1 when it is full.</summary>
    private int TrySend(ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsSingleSegment)
        {
            return Check(_socket.Send(bytes.FirstSpan, SocketFlags.None, out var failed), failed);
        }

        _segments.Clear();
        foreach (var memory in bytes)
        {
            if (MemoryMarshal.TryGetArray(memory, out var segment) && segment.Count > 0)
            {
                _segments.Add(segment);
            }
        }

        return Check(_socket.Send(_segments, SocketFlags.None, out var error), error);
    }

    /// <summary>Returns when the socket has taken them all.</summary>
    public async ValueTask SendAsync(ReadOnlySequence<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var count = TrySend(bytes);
            if (count < 0)
            {
                await Writable;
            }
            else
            {
                bytes = bytes.Slice(count);
            }
        }
    }

    /// <summary>Both sides learn it from the loop.</summary>
    public void Shutdown()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The peer was faster.
        }
    }

    /// <summary>What can be read and written now is said once more, after what others of the loop have to say.</summary>
    public void AskAgain() => _loop.AskAgain(this);

    public void Dispose()
    {
        _loop.Forget(this);
        _socket.Dispose();
    }

    private static int Check(int count, SocketError error) => error switch
    {
        SocketError.Success => count,
        SocketError.WouldBlock or SocketError.IOPending or SocketError.Interrupted => -1,
        _ => throw new SocketException((int)error),
    };
}
