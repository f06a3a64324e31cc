using System.Text;
using Fnq.Logs;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Output;

/// <summary>
/// What one environment writes: the function's output cut into lines and capped, and the platform's own lines between
/// them, in the order in which they happened.
/// </summary>
internal sealed class EnvironmentLog(LogStream stream, SafeFileHandle output, TimeProvider time)
{
    public const int MaxLineBytes = 256 * 1024;
    public const int MaxInvocationBytes = 1024 * 1024;
    public const int MaxTailBytes = 4096;

    /// <summary>Counted for every line, as it is stored with its channel and its time: a mebibyte of line feeds is no exception.</summary>
    public const int LineBytes = 16;
    private static readonly byte[] LineMark = " [truncated by Fnq: line beyond 256 kB]"u8.ToArray();
    private static readonly byte[] InvocationMark = "[truncated by Fnq: output of one invocation beyond 1 MiB]"u8.ToArray();

    [ThreadStatic]
    private static byte[]? t_chunk;

    private readonly Lock _gate = new();
    private byte[] _partial = [];
    private int _partialLength;
    private bool _lineFull;
    private int _invocationBytes;
    private bool _invocationFull;
    private bool _ended;
    private TailBuffer? _tail;

    public SafeFileHandle Output => output;

    /// <summary>Written to beyond its limit: what comes is thrown away until the next invocation.</summary>
    public bool Flooded => Volatile.Read(ref _invocationFull);

    /// <summary>Begins an invocation: caps start anew, and its tail is kept if somebody wants it.</summary>
    public void Begin(bool keepTail)
    {
        Drain(MaxInvocationBytes);
        lock (_gate)
        {
            FlushPartial();
            _invocationBytes = 0;
            _invocationFull = false;
            _tail = keepTail ? new TailBuffer(MaxTailBytes) : null;
        }
    }

    public void Platform(string line)
    {
        Span<byte> small = stackalloc byte[512];
        var size = Encoding.UTF8.GetMaxByteCount(line.Length);
        var bytes = size <= small.Length ? small : new byte[size];
        var length = Encoding.UTF8.GetBytes(line, bytes);
        lock (_gate)
        {
            FlushPartial();
            Write(LogSource.Platform, bytes[..length]);
        }
    }

    /// <summary>The tail of the invocation; its lines after this belong to the next.</summary>
    public byte[] TakeTail()
    {
        lock (_gate)
        {
            var tail = _tail?.ToArray() ?? [];
            _tail = null;
            return tail;
        }
    }

    /// <summary>Reads what lies in the pipe, up to a limit. False once the pipe has ended.</summary>
    public bool Drain(int maxBytes)
    {
        var chunk = t_chunk ??= new byte[64 * 1024];
        lock (_gate)
        {
            for (var taken = 0; taken < maxBytes && !_ended;)
            {
                int count;
                try
                {
                    count = _invocationFull ? PipeCalls.Discard(output, maxBytes - taken) : PipeCalls.Read(output, chunk);
                }
                catch (ObjectDisposedException)
                {
                    _ended = true;
                    break;
                }

                if (count == -PipeCalls.Interrupted)
                {
                    continue;
                }

                if (count <= 0)
                {
                    _ended = count != -PipeCalls.TryAgain;
                    break;
                }

                taken += count;
                if (_invocationFull)
                {
                    // A flood is drained at the price of the calls: nobody looks for its lines.
                    (_partialLength, _lineFull) = (0, false);
                    continue;
                }

                Split(chunk.AsSpan(0, count));
                if (count < chunk.Length)
                {
                    // A pipe gives all it has: no second call to be told that it is empty.
                    break;
                }
            }

            return !_ended;
        }
    }

    private void Split(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            var line = end < 0 ? bytes : bytes[..end];
            if (end >= 0 && _partialLength == 0 && !_lineFull && line.Length <= MaxLineBytes)
            {
                WriteFunction(line);
            }
            else
            {
                Gather(line);
                if (end >= 0)
                {
                    FlushPartial();
                }
            }

            bytes = end < 0 ? default : bytes[(end + 1)..];
        }
    }

    private void Gather(ReadOnlySpan<byte> bytes)
    {
        var taken = Math.Min(bytes.Length, MaxLineBytes - _partialLength);
        _lineFull |= taken < bytes.Length;
        if (_partial.Length < _partialLength + taken)
        {
            Array.Resize(ref _partial, Math.Max(_partialLength + taken, Math.Min(_partial.Length * 2, MaxLineBytes)));
        }

        bytes[..taken].CopyTo(_partial.AsSpan(_partialLength));
        _partialLength += taken;
    }

    private void FlushPartial()
    {
        if (_partialLength == 0 && !_lineFull)
        {
            return;
        }

        if (_lineFull)
        {
            WriteFunction([.. _partial.AsSpan(0, _partialLength), .. LineMark]);
        }
        else
        {
            WriteFunction(_partial.AsSpan(0, _partialLength));
        }

        (_partialLength, _lineFull) = (0, false);
        if (_partial.Length > 16 * 1024)
        {
            _partial = [];
        }
    }

    private void WriteFunction(ReadOnlySpan<byte> line)
    {
        if (_invocationFull)
        {
            return;
        }

        if (_invocationBytes + LineBytes + line.Length > MaxInvocationBytes)
        {
            Write(LogSource.Function, line[..Math.Clamp(MaxInvocationBytes - LineBytes - _invocationBytes, 0, line.Length)]);
            _invocationFull = true;
            PipeCalls.Widen(output);
            Write(LogSource.Platform, InvocationMark);
            return;
        }

        _invocationBytes += LineBytes + line.Length;
        Write(LogSource.Function, line);
    }

    private void Write(LogSource source, ReadOnlySpan<byte> line)
    {
        stream.Append(source, time.GetUtcNow().ToUnixTimeMilliseconds(), line);
        _tail?.Append(line);
    }
}
