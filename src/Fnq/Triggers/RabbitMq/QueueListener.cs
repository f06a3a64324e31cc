using System.Threading.Channels;
using Fnq.Amqp;
using Fnq.Dispatch;

namespace Fnq.Triggers.RabbitMq;

/// <summary>Serves one mapping: consumes its queue, invokes its function with batches, several at a time, and settles them.</summary>
internal sealed partial class QueueListener : IAsyncDisposable
{
    private const int PrefetchMax = 20_000;

    /// <summary>A message that is larger fits into no event.</summary>
    private const int BodyBytesMax = 6 << 20;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    private readonly ListenerParts _parts;
    private readonly IEventShape _shape;
    private readonly SemaphoreSlim _slots;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _gone = new();
    private readonly Task _running;

    public QueueListener(QueueMapping mapping, ListenerParts parts)
    {
        (Mapping, _parts, _shape, _slots) = (mapping, parts, EventShapes.Of(mapping), new(mapping.Concurrency));
        _running = Task.Run(RunAsync, CancellationToken.None);
    }

    public QueueMapping Mapping { get; }

    /// <summary>Null since the last batch that was processed.</summary>
    public string? LastError { get; private set; }

    /// <summary>Takes no more messages, gives back what no function has yet, and waits for the functions.</summary>
    /// <param name="limit">Then what still runs goes on alone, and its messages are given out again.</param>
    public async Task StopAsync(TimeSpan limit)
    {
        await _stopping.CancelAsync();
        try
        {
            await _running.WaitAsync(limit, _parts.Time);
        }
        catch (TimeoutException)
        {
            await _gone.CancelAsync();
            await _running;
        }
    }

    /// <summary>The tokens own nothing, and a batch that runs on alone may still ask for them.</summary>
    public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.Zero);

    private async Task RunAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await ServeAsync();
            }
            catch (Exception failure) when (!_stopping.IsCancellationRequested)
            {
                LastError = failure is AmqpClosedException { Code: AmqpClosedException.NotFound } ? "The queue does not exist" : failure.Message;
                LogFailed(_parts.Logger, failure, Mapping.Queue, Mapping.Id);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                LogFailed(_parts.Logger, failure, Mapping.Queue, Mapping.Id);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await Task.Delay(Pause, _parts.Time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>From the opening of a connection to its end, or to ours.</summary>
    private async Task ServeAsync()
    {
        await using var connection = await AmqpConnection.ConnectAsync(_parts.Address, $"fnq listener of {Mapping.Queue}", _parts.Time, _stopping.Token);
        await using var returns = new MessageReturns(_parts.Address, Mapping.Queue, _parts.Options.Visibility, _parts.Time);
        var channel = await connection.OpenChannelAsync();
        channel.ReadStrangers(BodyBytesMax);
        await channel.InspectQueueAsync(Mapping.Queue);

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(channel.Closed, _gone.Token);
        var inbox = Channel.CreateUnbounded<AmqpMessage>(new() { SingleReader = true });
        var settlement = new MessageSettlement(channel, returns, _parts, ended.Token);
        var collector = new BatchCollector(Mapping, _shape, inbox.Reader, settlement, _parts.Time);
        var tag = await channel.ConsumeAsync(Mapping.Queue, message => inbox.Writer.TryWrite(message), Prefetch());
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, channel.Closed);
            await PumpAsync(collector, settlement, either.Token);
        }
        catch (OperationCanceledException)
        {
            // Told to stop, or the broker is gone.
        }

        if (channel.IsOpen)
        {
            await channel.CancelAsync(tag);
            await GiveBackAsync(channel, collector, inbox.Reader);
        }

        await DrainAsync();
    }

    /// <summary>As much as can run; a message that waits here could run elsewhere, and must not wait for half an hour.</summary>
    private ushort Prefetch() => (ushort)Math.Clamp((long)Mapping.BatchSize * Mapping.Concurrency, 1, Math.Max(PrefetchMax, Mapping.BatchSize));

    private async Task PumpAsync(BatchCollector collector, MessageSettlement settlement, CancellationToken ended)
    {
        while (true)
        {
            await _slots.WaitAsync(ended);
            try
            {
                var batch = await collector.NextAsync(ended);
                _ = RunAsync(batch, settlement);
            }
            catch
            {
                _slots.Release();
                throw;
            }
        }
    }

    /// <summary>In a slot of its own, which it leaves when all is settled.</summary>
    private async Task RunAsync(MessageBatch batch, MessageSettlement settlement)
    {
        try
        {
            await Task.Yield();
            await SettleAsync(batch, settlement);
        }
        catch (Exception failure) when (failure is AmqpClosedException or OperationCanceledException)
        {
            // The broker gives them out again.
        }
        catch (Exception failure)
        {
            LogNotSettled(_parts.Logger, failure, Mapping.Queue, Mapping.Id);
            await _gone.CancelAsync();
        }
        finally
        {
            _slots.Release();
        }
    }

    private async Task SettleAsync(MessageBatch batch, MessageSettlement settlement)
    {
        _parts.Meters.Batch();
        var answer = await _parts.Invoker.InvokeAsync(Mapping, _shape.Event([.. batch.Items.Select(item => item.Record)]));
        var failed = answer.Reply is not { } reply ? null
            : Mapping.ReportsBatchItemFailures ? BatchReply.FailedOf(reply, batch.Ids)
            : new HashSet<string>();
        LastError = answer.Error
            ?? (failed is null ? "The function's answer is no list of batch item failures" : failed.Count > 0 ? $"{failed.Count} messages failed" : null)
            ?? settlement.LastError;
        await settlement.SucceedAsync([.. batch.Items.Where(item => failed?.Contains(item.Id) == false).Select(item => item.Message)]);
        await settlement.FailAsync([.. batch.Items.Where(item => failed?.Contains(item.Id) != false).Select(item => item.Message)]);
    }

    private static async Task GiveBackAsync(AmqpChannel channel, BatchCollector collector, ChannelReader<AmqpMessage> inbox)
    {
        foreach (var held in collector.Held)
        {
            await channel.RequeueAsync(held.Message.Delivered.DeliveryTag);
        }

        while (inbox.TryRead(out var message))
        {
            await channel.RequeueAsync(message.DeliveryTag);
        }
    }

    /// <summary>Every slot taken is every batch settled.</summary>
    private async Task DrainAsync()
    {
        var taken = 0;
        try
        {
            for (; taken < Mapping.Concurrency; taken++)
            {
                await _slots.WaitAsync(_gone.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Long enough.
        }

        if (taken > 0)
        {
            _slots.Release(taken);
        }
    }

    [LoggerMessage(2320, LogLevel.Warning, "The queue {Queue} of event source mapping {Mapping} cannot be listened to; it is tried again")]
    private static partial void LogFailed(ILogger logger, Exception failure, string queue, Guid mapping);

    [LoggerMessage(2321, LogLevel.Error, "Messages of the queue {Queue} of event source mapping {Mapping} could not be settled")]
    private static partial void LogNotSettled(ILogger logger, Exception failure, string queue, Guid mapping);
}
