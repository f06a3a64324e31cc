using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Billing;

/// <summary>The record could not be made safe: the run happened, its caller must be told that the platform failed.</summary>
internal sealed class JournalException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>What the publisher takes from the journal at a time: whole frames, ready to be an AMQP body.</summary>
internal readonly record struct JournalBatch(JournalSegment Segment, int Bytes, int Records);

/// <summary>
/// The process's records until the broker has confirmed them: segment files that an append writes and the publisher
/// reads back. Nothing is queued in memory, so a broker that is away for hours costs disk and no more.
/// </summary>
internal sealed partial class RunJournal : IRunJournal, IDisposable
{
    [ThreadStatic]
    private static byte[]? t_frame;

    private readonly Lock _gate = new();
    private readonly BillingOptions _options;
    private readonly TimeProvider _time;
    private readonly BillingMeters _meters;
    private readonly ILogger<RunJournal> _logger;
    private readonly JournalFolder _own;
    private readonly Signal _appended = new();
    private readonly Queue<JournalSegment> _sealed = new();
    private readonly Queue<Waiter> _waiters = new();
    private readonly List<Leftover> _leftovers = [];
    private readonly JournalRoom _room;
    private JournalSegment _active;
    private long _backlog;
    private long _nextNumber;
    private bool _disposed;
    private bool _leftoverTurn;

    public RunJournal(BillingOptions options, TimeProvider time, BillingMeters meters, ILogger<RunJournal> logger)
    {
        (_options, _time, _meters, _logger) = (options, time, meters, logger);
        _own = JournalFolder.Own(options.JournalFolder, Guid.CreateVersion7(time.GetUtcNow()).ToString("N"));
        _room = new JournalRoom(options, _own.Path, time, logger);
        _active = JournalSegment.Create(_own.SegmentPath(_nextNumber++));
        AdoptLeftovers();
    }

    /// <summary>Bytes that wait for the broker, those taken over from dead processes too.</summary>
    public long BacklogBytes => Interlocked.Read(ref _backlog);

    public bool HasRoom => _room.IsThere(BacklogBytes);

    public ValueTask AppendAsync(InvocationRecord record)
    {
        var frame = t_frame ??= new byte[BillingLimits.FrameBytes];
        var length = RecordFrame.Write(record, frame);
        Waiter? waiter = null;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            try
            {
                if (_active.End >= BillingLimits.SegmentBytes)
                {
                    Roll();
                }

                _active.Append(frame.AsSpan(0, length));
                Interlocked.Add(ref _backlog, length);
            }
            catch (IOException failure)
            {
                throw new JournalException($"The record of run {record.RunId} cannot be written to {_active.Path}: {failure.Message}", failure);
            }

            if (_options.Strict)
            {
                _waiters.Enqueue(waiter = new Waiter(_active, _active.End));
            }
        }

        _appended.Set();
        return waiter is null ? ValueTask.CompletedTask : new ValueTask(ConfirmedAsync(waiter, record.RunId));
    }

    /// <summary>Completes when something was appended since the last wait, or after <paramref name="atMost"/>.</summary>
    public Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken) => _appended.WaitAsync(atMost, _time, cancellationToken);

    /// <summary>Claims journals of processes that died; for the one publisher, or before it runs.</summary>
    public void AdoptLeftovers()
    {
        foreach (var folder in JournalFolder.Adopt(_options.JournalFolder))
        {
            try
            {
                var segments = folder.Segments().Select(JournalSegment.Adopt).ToList();
                _leftovers.Add(new Leftover(folder, new Queue<JournalSegment>(segments)));
                var bytes = segments.Sum(segment => segment.End - segment.Confirmed);
                Interlocked.Add(ref _backlog, bytes);
                LogAdopted(_logger, folder.Path, segments.Count, bytes);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // Another's broken journal must not stop this process; it is let go and looked at again.
                LogNotAdopted(_logger, failure, folder.Path);
                folder.Dispose();
            }
        }
    }

    /// <summary>
    /// The next batch, alternately of our own and of leftovers so that neither starves; null when all is confirmed.
    /// For one reader at a time: the batch comes again until it is confirmed.
    /// </summary>
    public JournalBatch? Next(Span<byte> buffer)
    {
        _leftoverTurn = !_leftoverTurn;
        return _leftoverTurn
            ? NextLeftover(buffer) ?? NextOwn(buffer)
            : NextOwn(buffer) ?? NextLeftover(buffer);
    }

    public void Confirm(JournalBatch batch)
    {
        batch.Segment.Confirm(batch.Bytes);
        Interlocked.Add(ref _backlog, -batch.Bytes);
        lock (_gate)
        {
            while (_waiters.TryPeek(out var waiter) && waiter.IsConfirmed)
            {
                _waiters.Dequeue().Done.TrySetResult();
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            var clean = _sealed.All(segment => segment.Confirmed >= segment.End) && _active.Confirmed >= _active.End;
            foreach (var segment in _sealed)
            {
                segment.Dispose();
            }

            _active.Dispose();
            _leftovers.ForEach(leftover => leftover.Dispose());
            if (clean)
            {
                _own.Delete();
            }

            // Else the records stay where the next process of this data folder finds them.
            _own.Dispose();
        }
    }

    private async Task ConfirmedAsync(Waiter waiter, RunId run)
    {
        try
        {
            await waiter.Done.Task.WaitAsync(_options.ConfirmTimeout, _time);
        }
        catch (TimeoutException failure)
        {
            throw new JournalException($"The broker has not confirmed the record of run {run} in time; it is kept and sent again.", failure);
        }
    }

    private void Roll()
    {
        var next = JournalSegment.Create(_own.SegmentPath(_nextNumber++));
        _active.IsSealed = true;
        _sealed.Enqueue(_active);
        _active = next;
    }

    private JournalBatch? NextOwn(Span<byte> buffer)
    {
        while (true)
        {
            JournalSegment segment;
            lock (_gate)
            {
                while (_sealed.TryPeek(out var done) && done.IsDone)
                {
                    _sealed.Dequeue().Delete();
                }

                segment = _sealed.TryPeek(out var oldest) ? oldest : _active;
            }

            if (Read(segment, buffer) is { } batch)
            {
                return batch;
            }

            if (segment.End == segment.Confirmed && !segment.IsSealed)
            {
                return null;
            }

            // Bytes of our own that do not read back are a broken disk; the writer must not go on behind them.
            lock (_gate)
            {
                if (segment == _active && segment.End != segment.Confirmed)
                {
                    Roll();
                }
            }

            DropTorn(segment);
        }
    }

    private JournalBatch? NextLeftover(Span<byte> buffer)
    {
        while (_leftovers.Count > 0)
        {
            var leftover = _leftovers[0];
            if (!leftover.Segments.TryPeek(out var segment))
            {
                leftover.Folder.Delete();
                _leftovers.RemoveAt(0);
                continue;
            }

            if (Read(segment, buffer) is { } batch)
            {
                return batch;
            }

            DropTorn(segment);
            leftover.Segments.Dequeue().Delete();
        }

        return null;
    }

    private static JournalBatch? Read(JournalSegment segment, Span<byte> buffer) =>
        segment.Read(buffer) is { Records: > 0 } prefix ? new JournalBatch(segment, prefix.Bytes, prefix.Records) : null;

    private void DropTorn(JournalSegment segment)
    {
        if (segment is { IsSealed: true } && segment.End > segment.Confirmed)
        {
            var dropped = segment.DropRest();
            Interlocked.Add(ref _backlog, -dropped);
            LogTorn(_logger, segment.Path, dropped);
            _meters.TornSegments.Add(1);
        }
    }

    private sealed class Waiter(JournalSegment segment, long end)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsConfirmed => segment.Confirmed >= end;
    }

    private sealed record Leftover(JournalFolder Folder, Queue<JournalSegment> Segments) : IDisposable
    {
        public void Dispose()
        {
            foreach (var segment in Segments)
            {
                segment.Dispose();
            }

            Folder.Dispose();
        }
    }
}
