using System.Threading.Channels;
using Fnq.Messaging;
using Microsoft.Extensions.Hosting;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Fnq.Billing;

/// <summary>
/// Writes what the record queue holds to the database: all that has arrived in one transaction, acknowledged after the
/// commit. Any number of recorders may run. A message leaves the queue only when its rows are committed or its
/// unreadable part is confirmed in the dead queue.
/// </summary>
internal sealed partial class Recorder(
    RecordStore store,
    BillingOptions options,
    TimeProvider time,
    BillingMeters meters,
    ILogger<Recorder> logger) : BackgroundService
{
    private readonly RecordQueue _queue = new(options);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failures = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ConsumeAsync(() => failures = 0, stoppingToken);
            }
            catch (Exception) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                failures++;
                LogDisconnected(logger, failure, failures);
                await WaitAsync(failures, stoppingToken);
            }
        }
    }

    /// <summary>One connection's life. Its end gives everything unacknowledged back to the queue.</summary>
    private async Task ConsumeAsync(Action progressed, CancellationToken cancellationToken)
    {
        var connection = await _queue.ConnectAsync("fnq recorder", cancellationToken);
        try
        {
            await using var channel = await RecordQueue.OpenAsync(connection, cancellationToken);
            await using var deadChannel = await BrokerConnection.OpenConfirmedAsync(connection, cancellationToken);
            await _queue.DeclareAsync(connection, channel, cancellationToken);
            await channel.BasicQosAsync(0, BillingLimits.RecorderPrefetch, global: false, cancellationToken);
            var deliveries = new Deliveries(channel);
            await channel.BasicConsumeAsync(options.QueueName, autoAck: false, deliveries, cancellationToken);
            LogConsuming(logger, options.QueueName);
            while (await deliveries.TakeAsync(cancellationToken) is { } taken)
            {
                await RecordAsync(taken.Batch, deadChannel, deliveries, cancellationToken);
                await channel.BasicAckAsync(taken.LastTag, multiple: true, cancellationToken);
                progressed();
            }
        }
        finally
        {
            await BrokerConnection.CloseAsync(connection);
        }
    }

    private async Task RecordAsync(RecordBatch batch, IChannel deadChannel, Deliveries deliveries, CancellationToken cancellationToken)
    {
        if (batch.Rows.Count > 0)
        {
            await WriteUntilDoneAsync(batch, deliveries, cancellationToken);
        }

        foreach (var dead in batch.Dead)
        {
            LogDead(logger, dead.Bytes.Length, options.DeadQueueName, dead.Reason);
            await _queue.PublishAsync(deadChannel, options.DeadQueueName, dead.Bytes, cancellationToken);
            meters.Dead.Add(1);
        }
    }

    /// <summary>
    /// Holds the messages and tries again while the database is away; gives up only with the channel they came by. A
    /// database too slow for the whole inside the statement timeout gets ever smaller parts, each its own transaction.
    /// </summary>
    private async Task WriteUntilDoneAsync(RecordBatch batch, Deliveries deliveries, CancellationToken cancellationToken)
    {
        var part = batch.Rows.Count;
        var failures = 0;
        for (var done = 0; done < batch.Rows.Count;)
        {
            var rows = batch.Rows.GetRange(done, Math.Min(part, batch.Rows.Count - done));
            try
            {
                var written = await store.WriteAsync(rows, cancellationToken);
                meters.Recorded.Add(written);
                meters.Duplicates.Add(rows.Count - written);
                meters.Lag.Record((time.GetUtcNow() - rows.Min(row => row.Record.StartedAt)).TotalSeconds);
                done += rows.Count;
                failures = 0;
                continue;
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException or IOException)
            {
                failures++;
                LogDatabase(logger, failure, failures, rows.Count);
            }

            part = Math.Max(part / 2, BillingLimits.SmallestTransactionRecords);
            deliveries.ThrowIfClosed();
            await WaitAsync(failures, cancellationToken);
        }
    }

    private async Task WaitAsync(int failures, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(Backoff.Delay(failures, Random.Shared.NextDouble()), time, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // Whoever waits looks at the token next.
        }
    }

    /// <summary>What has been delivered and not yet been taken; the prefetch bounds it.</summary>
    private sealed class Deliveries(IChannel channel) : AsyncDefaultBasicConsumer(channel)
    {
        private readonly Channel<(ulong Tag, RecordBatch Content)> _arrived =
            System.Threading.Channels.Channel.CreateUnbounded<(ulong, RecordBatch)>(new UnboundedChannelOptions { SingleReader = true });

        public override Task HandleBasicDeliverAsync(
            string consumerTag, ulong deliveryTag, bool redelivered, string exchange, string routingKey,
            IReadOnlyBasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
        {
            // Decoded here, beside the write that is under way; the body's memory is the client's again when this returns.
            var content = new RecordBatch();
            content.Add(body.Span);
            _arrived.Writer.TryWrite((deliveryTag, content));
            return Task.CompletedTask;
        }

        public override Task HandleBasicCancelAsync(string consumerTag, CancellationToken cancellationToken = default)
        {
            _arrived.Writer.TryComplete(new InvalidOperationException("the queue was deleted"));
            return base.HandleBasicCancelAsync(consumerTag, cancellationToken);
        }

        public override Task HandleChannelShutdownAsync(object channel, ShutdownEventArgs reason)
        {
            _arrived.Writer.TryComplete(new InvalidOperationException($"the channel was closed: {reason.ReplyText}"));
            return base.HandleChannelShutdownAsync(channel, reason);
        }

        public void ThrowIfClosed()
        {
            if (Channel.CloseReason is { } reason)
            {
                throw new InvalidOperationException($"the channel was closed: {reason.ReplyText}");
            }
        }

        /// <summary>Waits for one message and takes all that are there with it, up to what one transaction may hold.</summary>
        public async Task<Taken?> TakeAsync(CancellationToken cancellationToken)
        {
            if (!await _arrived.Reader.WaitToReadAsync(cancellationToken))
            {
                return null;
            }

            var batch = new RecordBatch();
            var lastTag = 0UL;
            while (batch.Rows.Count < BillingLimits.TransactionRecords && _arrived.Reader.TryRead(out var delivery))
            {
                batch.Add(delivery.Content);
                lastTag = delivery.Tag;
            }

            return new Taken(batch, lastTag);
        }
    }

    private sealed record Taken(RecordBatch Batch, ulong LastTag);
}
