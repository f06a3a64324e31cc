using Fnq.Messaging;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace Fnq.Billing;

/// <summary>
/// Takes the journal to the broker: one batch at a time, each made of what gathered while the last was under way. The
/// journal's confirmed position moves only on the broker's confirm, so every failure ends in "again", never in loss.
/// </summary>
internal sealed partial class RecordPublisher(
    RunJournal journal,
    BillingOptions options,
    TimeProvider time,
    BillingMeters meters,
    ILogger<RecordPublisher> logger) : BackgroundService
{
    /// <summary>How long a stop may take to empty the journal; what stays is found by the next process.</summary>
    private static readonly TimeSpan LastDrain = TimeSpan.FromSeconds(5);

    private readonly RecordQueue _queue = new(options);
    private readonly byte[] _buffer = new byte[BillingLimits.BatchBytes];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        meters.ObserveBacklog(() => journal.BacklogBytes);
        using var stop = new CancellationTokenSource();
        await using var drain = stoppingToken.Register(() => stop.CancelAfter(LastDrain));
        var failures = 0;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await PublishAsync(() => failures = 0, stoppingToken, stop.Token);
                return;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                failures++;
                meters.PublishFailures.Add(1);
                LogFailed(logger, failure, failures);
            }

            try
            {
                await Task.Delay(Backoff.Delay(failures, Random.Shared.NextDouble()), time, stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>One connection's life; returns when the process stops and the journal is empty.</summary>
    private async Task PublishAsync(Action progressed, CancellationToken stopping, CancellationToken aborted)
    {
        var connection = await _queue.ConnectAsync("fnq records publisher", aborted);
        try
        {
            await using var channel = await BrokerConnection.OpenConfirmedAsync(connection, aborted);
            await _queue.DeclareAsync(connection, channel, aborted);
            LogConnected(logger, options.QueueName);
            var lastAdoption = time.GetTimestamp();
            while (true)
            {
                while (journal.Next(_buffer) is { } batch)
                {
                    await _queue.PublishAsync(channel, options.QueueName, _buffer.AsMemory(0, batch.Bytes), aborted);
                    journal.Confirm(batch);
                    meters.Published.Add(batch.Records);
                    progressed();
                    await GatherAsync(batch, stopping);
                }

                if (stopping.IsCancellationRequested)
                {
                    return;
                }

                if (time.GetElapsedTime(lastAdoption) >= options.AdoptionInterval)
                {
                    journal.AdoptLeftovers();
                    lastAdoption = time.GetTimestamp();
                }

                await WaitAsync(channel, stopping);
            }
        }
        finally
        {
            await BrokerConnection.CloseAsync(connection);
        }
    }

    /// <summary>
    /// A small batch costs broker and database as much as a large one: what follows it within a moment goes together. The
    /// records are safe in the journal meanwhile; only strict billing has callers who wait for the confirm.
    /// </summary>
    private async Task GatherAsync(JournalBatch sent, CancellationToken stopping)
    {
        if (options.Strict || sent.Bytes >= BillingLimits.BatchBytes / 2 || stopping.IsCancellationRequested)
        {
            return;
        }

        try
        {
            await Task.Delay(options.GatherTime, time, stopping);
        }
        catch (OperationCanceledException)
        {
            // The rest is published at once.
        }
    }

    private async Task WaitAsync(IChannel channel, CancellationToken stopping)
    {
        try
        {
            await journal.WaitAsync(options.AdoptionInterval, stopping);
        }
        catch (OperationCanceledException)
        {
            // The last look at the journal follows.
        }

        if (channel.CloseReason is { } reason)
        {
            throw new InvalidOperationException($"the channel was closed: {reason.ReplyText}");
        }
    }
}
