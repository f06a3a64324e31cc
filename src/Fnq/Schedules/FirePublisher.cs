using System.Globalization;
using System.Threading.Channels;
using Fnq.Contracts;
using Fnq.Dispatch;
using Microsoft.Extensions.Hosting;

namespace Fnq.Schedules;

/// <summary>
/// Publishes the events of due times: those that were claimed here at once, and every few seconds what others left. One that
/// is published twice has the same request id both times, and one outcome.
/// </summary>
internal sealed partial class FirePublisher(
    FireStore store, IEventTargets targets, IEventQueue queue, ScheduleMeters meters, TimeProvider time, ILogger<FirePublisher> logger)
    : BackgroundService
{
    private const int Workers = 4;

    /// <summary>What does not fit is found as a row.</summary>
    private const int Capacity = 10_000;
    private const int PendingBatch = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>What has waited here for longer is left to whoever takes its row next: that may be another already.</summary>
    private static readonly TimeSpan MaxWait = FireStore.Lease - TimeSpan.FromSeconds(3);

    /// <summary>As long as Scheduler's own MaximumEventAgeInSeconds is by default.</summary>
    private static readonly TimeSpan MaxAge = TimeSpan.FromDays(1);

    private readonly Channel<Taken> _taken = Channel.CreateBounded<Taken>(Capacity);

    public void Publish(IReadOnlyList<ScheduleFire> fires)
    {
        foreach (var fire in fires)
        {
            _taken.Writer.TryWrite(new(fire, time.GetTimestamp()));
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll([LookForPendingAsync(stoppingToken), .. Enumerable.Range(0, Workers).Select(_ => WorkAsync(stoppingToken))]);

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        await foreach (var (fire, since) in _taken.Reader.ReadAllAsync(cancellationToken))
        {
            if (time.GetElapsedTime(since) > MaxWait)
            {
                continue;
            }

            try
            {
                await PublishAsync(fire, cancellationToken);
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
            {
                LogNotPublished(fire.RequestId, failure);
            }
        }
    }

    private async Task LookForPendingAsync(CancellationToken cancellationToken)
    {
        using var tick = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                // Not while we are busy ourselves: they would wait here longer than their lease.
                if (_taken.Reader.Count == 0)
                {
                    Publish(await store.TakePendingAsync(PendingBatch, cancellationToken));
                }
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
            {
                LogDatabaseFailed(failure);
            }
        }
        while (await tick.WaitForNextTickAsync(cancellationToken));
    }

    private async Task PublishAsync(ScheduleFire fire, CancellationToken cancellationToken)
    {
        if (time.GetUtcNow() - fire.DueAt > MaxAge)
        {
            await FailAsync(fire, "It could not be published for a day.", cancellationToken);
            return;
        }

        if (await targets.FindAsync(fire.Function, fire.Qualifier, cancellationToken) is not { } target)
        {
            var arn = fire.Qualifier is null ? fire.Function.Arn : $"{fire.Function.Arn}:{fire.Qualifier}";
            await FailAsync(fire, $"Function not found: {arn}", cancellationToken);
            return;
        }

        var invocation = new InvokeFunction
        {
            RequestId = fire.RequestId,
            Function = fire.Function,
            Qualifier = fire.Qualifier,
            Payload = fire.Payload,
            TraceId = TraceOf(fire),
            Trigger = "schedule",
            AcceptedAt = time.GetUtcNow(),
        };
        await queue.AcceptAsync(invocation, target.Timeout, cancellationToken);
        await store.MarkAsync(fire, failure: null, cancellationToken);
        meters.Published(time.GetUtcNow() - fire.DueAt);
    }

    private async Task FailAsync(ScheduleFire fire, string reason, CancellationToken cancellationToken)
    {
        await store.MarkAsync(fire, reason, cancellationToken);
        meters.Failed();
        LogFailed(fire.RequestId, reason);
    }

    /// <summary>The same when it is published again.</summary>
    private static string TraceOf(ScheduleFire fire) => string.Create(
        CultureInfo.InvariantCulture, $"Root=1-{fire.DueAt.ToUnixTimeSeconds():x8}-{fire.RequestId.ToString("N")[..24]};Sampled=0");

    /// <param name="Fire">Whose row is ours for a while.</param>
    /// <param name="Since">A timestamp.</param>
    private readonly record struct Taken(ScheduleFire Fire, long Since);

    [LoggerMessage(7110, LogLevel.Warning, "Scheduled event {RequestId} was not published; it is tried again")]
    private partial void LogNotPublished(Guid requestId, Exception failure);

    [LoggerMessage(7111, LogLevel.Warning, "Scheduled events that wait could not be looked for; it is tried again")]
    private partial void LogDatabaseFailed(Exception failure);

    [LoggerMessage(7112, LogLevel.Warning, "Scheduled event {RequestId} failed: {Reason}")]
    private partial void LogFailed(Guid requestId, string reason);
}

/// <summary>Removes rows of due times that are dealt with: <c>handled_until</c> keeps them from coming again. Any number of processes may do it.</summary>
internal sealed partial class FireRetention(FireStore store, TimeProvider time, ILogger<FireRetention> logger) : BackgroundService
{
    private const int Batch = 5_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Published = TimeSpan.FromHours(1);
    private static readonly TimeSpan Failed = TimeSpan.FromDays(7);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                while (await store.RemoveOlderAsync(Published, Failed, Batch, stoppingToken) == Batch)
                {
                }
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(failure);
            }
        }
        while (await tick.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(7120, LogLevel.Warning, "Old due times could not be removed; it is tried again in five minutes")]
    private partial void LogFailed(Exception failure);
}
