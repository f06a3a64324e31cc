namespace Fnq.Billing;

/// <summary>Whether the journal can take the records of more runs: by its bound, and by its disk, looked at once a second.</summary>
internal sealed partial class JournalRoom(BillingOptions options, string folder, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly DriveInfo _disk = new(folder);
    private long _lookedAt;
    private long _free = long.MaxValue;
    private int _isFull;

    public bool IsThere(long backlog)
    {
        Look();
        var free = Volatile.Read(ref _free);
        var isFull = IsThere(backlog, free, options) ? 0 : 1;
        if (Volatile.Read(ref _isFull) != isFull && Interlocked.Exchange(ref _isFull, isFull) != isFull)
        {
            Tell(isFull == 0, backlog, free);
        }

        return isFull == 0;
    }

    /// <summary>Pure.</summary>
    internal static bool IsThere(long backlog, long free, BillingOptions options) =>
        backlog < options.JournalMaxBytes && free >= options.DiskReserveBytes;

    private void Look()
    {
        var last = Interlocked.Read(ref _lookedAt);
        if (last != 0 && time.GetElapsedTime(last) < Interval)
        {
            return;
        }

        if (Interlocked.CompareExchange(ref _lookedAt, time.GetTimestamp(), last) == last)
        {
            Volatile.Write(ref _free, Free());
        }
    }

    private long Free()
    {
        try
        {
            return _disk.AvailableFreeSpace;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            // A disk that does not tell takes no records either.
            return 0;
        }
    }

    private void Tell(bool isThere, long backlog, long free)
    {
        if (isThere)
        {
            LogRoom(logger, folder);
        }
        else
        {
            LogFull(logger, folder, backlog, options.JournalMaxBytes, free, options.DiskReserveBytes);
        }
    }

    [LoggerMessage(6010, LogLevel.Error,
        "No room for records in the run journal {Folder}: {Backlog} of {Limit} bytes wait for the broker, {Free} bytes are free on the disk and {Reserve} must be. Invocations are answered 503")]
    private static partial void LogFull(ILogger logger, string folder, long backlog, long limit, long free, long reserve);

    [LoggerMessage(6011, LogLevel.Information, "The run journal {Folder} has room again")]
    private static partial void LogRoom(ILogger logger, string folder);
}
