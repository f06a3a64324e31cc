using System.Buffers.Binary;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Fnq.Execution.Sandboxes;

/// <summary>The worker's end of the socket to process 1. It is a lifeline too: process 1 ends when it hangs up.</summary>
internal sealed class ControlChannel(Socket socket) : IDisposable
{
    private const int PayloadBytesMax = 64;
    private const int SigKill = 9;

    private readonly Channel<SandboxEvent> _events = Channel.CreateUnbounded<SandboxEvent>(new() { SingleWriter = true });
    private readonly SemaphoreSlim _sending = new(1, 1);
    private TaskCompletionSource? _killed;
    private int _mainRuns;
    private Task _reading = Task.CompletedTask;

    internal ChannelReader<SandboxEvent> Events => _events.Reader;

    /// <summary>Completes when process 1 is gone.</summary>
    internal Task Ended => _reading;

    /// <summary>Asks the socket itself: an end that nobody has read yet counts too.</summary>
    internal bool IsSilent => !_reading.IsCompleted && !socket.Poll(0, SelectMode.SelectRead);

    internal void Open() => _reading = ReadAsync();

    internal ValueTask StartAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _mainRuns, 1);
        return SendAsync(frame, cancellationToken);
    }

    internal async ValueTask SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken);
        try
        {
            while (frame.Length > 0)
            {
                frame = frame[await socket.SendAsync(frame, SocketFlags.None, cancellationToken)..];
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw new SandboxException("The sandbox has ended.", e);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Returns when process 1 says that nothing but itself is left.</summary>
    internal async ValueTask KillAsync(CancellationToken cancellationToken)
    {
        var killed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var waiting = Interlocked.CompareExchange(ref _killed, killed, null);
        if (waiting is null)
        {
            await SendAsync(ControlFrame.Empty(ControlFrame.Kill), cancellationToken);
        }
        await (waiting ?? killed).Task.WaitAsync(cancellationToken);
    }

    internal void HangUp()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Process 1 was faster.
        }
    }

    public void Dispose() => socket.Dispose();

    private async Task ReadAsync()
    {
        var frame = new byte[ControlFrame.HeaderBytes + PayloadBytesMax];
        try
        {
            while (await FillAsync(frame.AsMemory(0, ControlFrame.HeaderBytes)))
            {
                var length = BinaryPrimitives.ReadUInt32LittleEndian(frame);
                if (length > PayloadBytesMax || !await FillAsync(frame.AsMemory(ControlFrame.HeaderBytes, (int)length)))
                {
                    break;
                }
                Handle(frame[4], frame.AsSpan(ControlFrame.HeaderBytes, (int)length));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end, however it came.
        }
        _events.Writer.TryWrite(new SandboxEvent.Ended());
        _events.Writer.TryComplete();
        Interlocked.Exchange(ref _killed, null)?.TrySetException(new SandboxException("The sandbox has ended."));
    }

    private void Handle(byte type, ReadOnlySpan<byte> payload)
    {
        if (type == ControlFrame.Kill)
        {
            // Process 1 does not report a main process that it was told to kill; every start gets exactly one end.
            EndMain(new SandboxEvent.MainExited(-SigKill));
            Interlocked.Exchange(ref _killed, null)?.TrySetResult();
        }
        else if (payload.Length == sizeof(int))
        {
            var value = BinaryPrimitives.ReadInt32LittleEndian(payload);
            SandboxEvent? happened = type switch
            {
                ControlFrame.Exited => new SandboxEvent.MainExited(value),
                ControlFrame.Failed => new SandboxEvent.StartFailed(value),
                _ => null,
            };
            if (happened is not null)
            {
                EndMain(happened);
            }
        }
    }

    private void EndMain(SandboxEvent end)
    {
        if (Interlocked.Exchange(ref _mainRuns, 0) == 1)
        {
            _events.Writer.TryWrite(end);
        }
    }

    private async ValueTask<bool> FillAsync(Memory<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var received = await socket.ReceiveAsync(buffer, SocketFlags.None);
            if (received == 0)
            {
                return false;
            }
            buffer = buffer[received..];
        }
        return true;
    }
}
