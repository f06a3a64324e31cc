using System.Globalization;
using System.Text;

namespace Fnq.Logs;

/// <summary>
/// The log of one environment. Appending copies into a buffer and never waits: the store's one writer takes the buffer
/// when it comes round. What it cannot take in time is dropped, oldest first, and counted in a line of its own.
/// </summary>
internal sealed class LogStream(LogStore store, string path)
{
    private const int MaxPendingBytes = 4 * 1024 * 1024;
    private readonly Lock _gate = new();
    private byte[] _pending = [];
    private byte[] _spare = [];
    private int _length;
    private long _pendingLines;
    private long _dropped;
    private bool _queued;

    public string Path => path;

    public long DroppedLines { get; private set; }

    public void Append(LogSource source, long unixMilliseconds, ReadOnlySpan<byte> text)
    {
        bool queue;
        lock (_gate)
        {
            if (_length + text.Length + LogLine.MaxOverheadBytes > MaxPendingBytes)
            {
                _dropped += _pendingLines;
                DroppedLines += _pendingLines;
                _length = 0;
                _pendingLines = 0;
            }

            Reserve(text.Length + LogLine.MaxOverheadBytes);
            _length += LogLine.Format(_pending.AsSpan(_length), source, unixMilliseconds, text);
            _pendingLines++;
            queue = !_queued;
            _queued = true;
        }

        if (queue)
        {
            store.Enqueue(this);
        }
    }

    /// <summary>What has gathered; valid until the next call. Only the store's writer calls it.</summary>
    internal ReadOnlyMemory<byte> Take(long unixMilliseconds)
    {
        lock (_gate)
        {
            _queued = false;
            if (_dropped > 0)
            {
                var note = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{_dropped} log lines were dropped before this one"));
                Reserve(note.Length + LogLine.MaxOverheadBytes);
                _length += LogLine.Format(_pending.AsSpan(_length), LogSource.Store, unixMilliseconds, note);
                _dropped = 0;
            }

            var taken = _pending.AsMemory(0, _length);
            // Two buffers change places; a large one is not kept for a stream that has gone quiet.
            (_pending, _spare) = (_spare, taken.Length > 64 * 1024 ? [] : _pending);
            _length = 0;
            _pendingLines = 0;
            return taken;
        }
    }

    private void Reserve(int bytes)
    {
        if (_pending.Length - _length < bytes)
        {
            Array.Resize(ref _pending, Math.Max(_length + bytes, Math.Max(512, _pending.Length * 2)));
        }
    }
}
