using System.Threading.Channels;
using Fnq.Amqp;
using Fnq.Dispatch;

namespace Fnq.Triggers.RabbitMq;

/// <summary>What is done with a message that is in no batch.</summary>
internal interface ISingleMessages
{
    /// <summary>No filter lets it through.</summary>
    ValueTask DropAsync(QueueMessage message);

    /// <summary>No event can hold it.</summary>
    ValueTask FailAsync(QueueMessage message);
}

/// <summary>Makes batches of what is delivered: closed by count, by size or when the window is over. Used by one at a time.</summary>
internal sealed class BatchCollector(
    QueueMapping mapping, IEventShape shape, ChannelReader<AmqpMessage> inbox, ISingleMessages singles, TimeProvider time)
{
    private readonly MessageFilter _filter = new(shape, mapping.Filters);
    private BatchItem? _left;

    /// <summary>Messages that were taken and are in no batch that was handed over.</summary>
    public IReadOnlyList<BatchItem> Held { get; private set; } = [];

    /// <summary>Waits for the first message, and no longer than the window for more.</summary>
    /// <exception cref="ChannelClosedException">Nothing more comes.</exception>
    public async Task<MessageBatch> NextAsync(CancellationToken cancellationToken)
    {
        var batch = new MessageBatch(mapping.BatchSize);
        Held = batch.Items;
        await FillAsync(batch, cancellationToken);
        while (batch.Items.Count == 0)
        {
            if (!await inbox.WaitToReadAsync(cancellationToken))
            {
                throw new ChannelClosedException();
            }

            await FillAsync(batch, cancellationToken);
        }

        if (mapping.Window > TimeSpan.Zero)
        {
            await WaitAsync(batch, cancellationToken);
        }

        Held = _left is { } left ? [left] : [];
        return batch;
    }

    private async Task WaitAsync(MessageBatch batch, CancellationToken cancellationToken)
    {
        using var window = new CancellationTokenSource(mapping.Window, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(window.Token, cancellationToken);
        try
        {
            while (!batch.IsFull && _left is null && await inbox.WaitToReadAsync(either.Token))
            {
                await FillAsync(batch, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (window.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // The window is over.
        }
    }

    /// <summary>With what is there.</summary>
    private async ValueTask FillAsync(MessageBatch batch, CancellationToken cancellationToken)
    {
        if (_left is { } left)
        {
            _left = null;
            batch.TryAdd(left);
        }

        while (!batch.IsFull && _left is null && !cancellationToken.IsCancellationRequested && inbox.TryRead(out var delivered))
        {
            if (await TakeAsync(delivered, batch) is { } item && !batch.TryAdd(item))
            {
                _left = item;
                Held = [.. batch.Items, item];
            }
        }
    }

    /// <summary>Null for a message that is settled already.</summary>
    private async ValueTask<BatchItem?> TakeAsync(AmqpMessage delivered, MessageBatch batch)
    {
        var message = QueueMessage.Read(delivered, mapping.Queue, time.GetUtcNow());
        var id = batch.Has(message.Id) ? Guid.NewGuid().ToString() : message.Id;
        var record = delivered.PassedBytes > 0 ? null : shape.Record(message, id);
        if (record is null || record.Length > MessageBatch.BytesMax)
        {
            await singles.FailAsync(message);
            return null;
        }

        if (!_filter.Passes(record, message.Body))
        {
            await singles.DropAsync(message);
            return null;
        }

        return new(message, id, record);
    }
}
