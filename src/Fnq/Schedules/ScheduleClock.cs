using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;

namespace Fnq.Schedules;

/// <summary>
/// Knows all schedules, sets an alarm for each, and claims what is due when it rings. Every process of the role does this
/// for all of them: that a due time is fired once is decided by its row.
/// </summary>
internal sealed partial class ScheduleClock(
    ScheduleStore store, FireStore fires, FirePublisher publisher, Alarms alarms, TimeProvider time, ILogger<ScheduleClock> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Changes are looked for this far back, since clocks differ and a transaction takes its time.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(1);

    /// <summary>From time to time everything is compared: what was deleted is forgotten then.</summary>
    private static readonly TimeSpan WholeInterval = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, Known> _known = new();
    private DateTimeOffset _lookedAt = DateTimeOffset.MinValue;
    private DateTimeOffset _comparedAt = DateTimeOffset.MinValue;

    /// <summary>Claims what an alarm rings for, and sets the next.</summary>
    public async Task RingAsync(AlarmKey key, CancellationToken cancellationToken)
    {
        if (!_known.TryGetValue(key.ScheduleId, out var known) || known.Revision != key.Revision)
        {
            return;
        }

        try
        {
            // Worked out again: while the process stood still a later one may have become due.
            if (known.Times.Next(known.HandledUntil, time.GetUtcNow()) is { } due && due.RingsAt <= time.GetUtcNow())
            {
                if (await ClaimAsync(key, known, due, cancellationToken) is not { } handled)
                {
                    return;
                }

                known = handled;
            }

            await SetAsync(key, known, cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            // If it was claimed all the same, the next try finds it taken, and its rows are found as pending.
            LogNotClaimed(key.ScheduleId, failure);
            await alarms.SetAsync(key, time.GetUtcNow() + RetryDelay, cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotRead(failure);
            }
        }
        while (await tick.WaitForNextTickAsync(stoppingToken));
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var isWhole = now - _comparedAt >= WholeInterval;
        var rows = await store.ChangedSinceAsync(isWhole ? DateTimeOffset.UnixEpoch : _lookedAt - Overlap, cancellationToken);
        foreach (var row in rows)
        {
            await LearnAsync(row, cancellationToken);
        }

        if (isWhole)
        {
            var there = rows.Select(row => row.Id).ToHashSet();
            foreach (var gone in _known.Where(each => !there.Contains(each.Key)).ToList())
            {
                await ForgetAsync(gone.Key, gone.Value, cancellationToken);
            }

            _comparedAt = now;
        }

        _lookedAt = now;
    }

    private async Task LearnAsync(ScheduleRow row, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue(row.Id, out var before))
        {
            if (before.Revision == row.Revision)
            {
                return;
            }

            await ForgetAsync(row.Id, before, cancellationToken);
        }

        if (!row.IsEnabled)
        {
            return;
        }

        if (row.Times() is not { } times)
        {
            LogUnreadable(row.Id, row.Expression, row.Timezone);
            return;
        }

        var known = new Known(row.Revision, times, row.HandledUntil);
        _known[row.Id] = known;
        try
        {
            await SetAsync(new AlarmKey(row.Id, row.Revision), known, cancellationToken);
        }
        catch
        {
            // Known without an alarm it would never ring: the next look learns it anew.
            _known.TryRemove(row.Id, out _);
            throw;
        }
    }

    private async Task ForgetAsync(Guid id, Known known, CancellationToken cancellationToken)
    {
        _known.TryRemove(new KeyValuePair<Guid, Known>(id, known));
        await alarms.RemoveAsync(new AlarmKey(id, known.Revision), cancellationToken);
    }

    /// <summary>Null when the schedule is not what it was: the alarm is not set again.</summary>
    private async Task<Known?> ClaimAsync(AlarmKey key, Known known, DueTime due, CancellationToken cancellationToken)
    {
        var isLast = known.Times.Next(due.At, time.GetUtcNow()) is null;
        var claim = await fires.ClaimAsync(key.ScheduleId, key.Revision, due.At, isLast, cancellationToken);
        if (claim.Status == ClaimStatus.Gone)
        {
            _known.TryRemove(new KeyValuePair<Guid, Known>(key.ScheduleId, known));
            return null;
        }

        publisher.Publish(claim.Fires);
        var handled = known with { HandledUntil = due.At };
        return _known.TryUpdate(key.ScheduleId, handled, known) ? handled : null;
    }

    private async Task SetAsync(AlarmKey key, Known known, CancellationToken cancellationToken)
    {
        if (known.Times.Next(known.HandledUntil, time.GetUtcNow()) is { } next)
        {
            await alarms.SetAsync(key, next.RingsAt, cancellationToken);
            return;
        }

        await store.DeleteCompletedAsync(key.ScheduleId, key.Revision, cancellationToken);
    }

    /// <param name="Revision">Of the row that it was read from.</param>
    /// <param name="Times">When it is due.</param>
    /// <param name="HandledUntil">Only due times after this.</param>
    private sealed record Known(Guid Revision, ScheduleTimes Times, DateTimeOffset HandledUntil);

    [LoggerMessage(7130, LogLevel.Warning, "A due time of schedule {Schedule} could not be claimed; it is tried again")]
    private partial void LogNotClaimed(Guid schedule, Exception failure);

    [LoggerMessage(7131, LogLevel.Warning, "Schedules could not be read; it is tried again")]
    private partial void LogNotRead(Exception failure);

    [LoggerMessage(7132, LogLevel.Error, "Schedule {Schedule} has an expression or a zone that cannot be read here: {Expression}, {Zone}")]
    private partial void LogUnreadable(Guid schedule, string expression, string zone);
}
