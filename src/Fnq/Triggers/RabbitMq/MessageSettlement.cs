using Fnq.Amqp;

namespace Fnq.Triggers.RabbitMq;

/// <summary>
/// Tells the broker what became of messages: gone, left to the dead letters, or there again after the visibility delay. Nothing
/// is acked before it is processed or confirmed elsewhere; of a channel that is closed the broker gives everything out again.
/// </summary>
internal sealed partial class MessageSettlement(AmqpChannel channel, MessageReturns returns, ListenerParts parts, CancellationToken ended) : ISingleMessages
{
    /// <summary>The broker closes channels on which a message stays unacked for half an hour.</summary>
    private static readonly TimeSpan HoldMax = TimeSpan.FromMinutes(5);
    private readonly TriggersOptions _options = parts.Options;

    /// <summary>Of a message that no event can hold.</summary>
    public string? LastError { get; private set; }

    public async Task SucceedAsync(IReadOnlyCollection<QueueMessage> messages)
    {
        parts.Meters.Processed(messages.Count);
        await AckAsync(messages);
    }

    public async Task FailAsync(IReadOnlyCollection<QueueMessage> messages)
    {
        foreach (var rejected in messages.Where(IsExhausted))
        {
            parts.Meters.Rejected(1);
            await channel.RejectAsync(rejected.Delivered.DeliveryTag);
        }

        var rest = messages.Where(message => !IsExhausted(message)).ToList();
        parts.Meters.Returned(rest.Count);
        var returnable = rest.Where(MessageReturns.CanReturn).ToList();
        Hold([.. rest.Except(returnable)]);
        if (returnable.Count == 0 || !channel.IsOpen)
        {
            return;
        }

        try
        {
            await returns.ReturnAsync(returnable, ended);
        }
        catch (Exception failure) when (failure is IOException or ArgumentException)
        {
            LogNotReturned(parts.Logger, failure, returnable.Count);
            Hold(returnable);
            return;
        }

        await AckAsync(returnable);
    }

    public async ValueTask DropAsync(QueueMessage message)
    {
        parts.Meters.Filtered();
        await channel.AckAsync(message.Delivered.DeliveryTag);
    }

    public async ValueTask FailAsync(QueueMessage message)
    {
        LastError = $"A message of {Math.Max(message.Delivered.PassedBytes, message.Body.Length)} bytes is too large for an event";
        await FailAsync([message]);
    }

    private async Task AckAsync(IReadOnlyCollection<QueueMessage> messages)
    {
        foreach (var message in messages)
        {
            await channel.AckAsync(message.Delivered.DeliveryTag);
        }
    }

    /// <summary>What cannot be published again carries no count: where there is a limit, it is rejected at once.</summary>
    private bool IsExhausted(QueueMessage message) =>
        _options.ReceivesMax > 0 && (message.Receives >= _options.ReceivesMax || !MessageReturns.CanReturn(message));

    /// <summary>The second best: they stay with us, unacked, and then go back to the head of their queue.</summary>
    private void Hold(List<QueueMessage> messages)
    {
        if (messages.Count > 0)
        {
            _ = RequeueLaterAsync(messages);
        }
    }

    private async Task RequeueLaterAsync(List<QueueMessage> messages)
    {
        try
        {
            await Task.Delay(_options.Visibility < HoldMax ? _options.Visibility : HoldMax, parts.Time, ended);
            foreach (var message in messages)
            {
                await channel.RequeueAsync(message.Delivered.DeliveryTag);
            }
        }
        catch (Exception gone) when (gone is AmqpClosedException or OperationCanceledException)
        {
            // With the channel: the broker has them.
        }
    }

    [LoggerMessage(2310, LogLevel.Warning, "{Count} messages could not be returned to their queue; they wait here and are given back")]
    private static partial void LogNotReturned(ILogger logger, Exception failure, int count);
}
