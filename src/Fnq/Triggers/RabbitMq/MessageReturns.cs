using Fnq.Amqp;
using Fnq.Dispatch;

namespace Fnq.Triggers.RabbitMq;

/// <summary>
/// Lays messages where they come back from after a while: in a queue of Fnq's own beside the user's, whose dead letters go to
/// the user's. On a connection of its own, since a broker that is short of memory stops reading one that publishes.
/// </summary>
internal sealed class MessageReturns(AmqpAddress address, string queue, TimeSpan visibility, TimeProvider time) : IAsyncDisposable
{
    /// <summary>Of what the broker adds to the headers of a dead letter.</summary>
    private const int HeadBytesMax = AmqpLimits.FrameBytesMax - 8_192;

    /// <summary>A queue that nobody has returned anything to for so much longer than messages stay in it goes.</summary>
    private static readonly TimeSpan Unused = TimeSpan.FromHours(24);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly string _name = QueueNames.ReturnOf(queue, (int)visibility.TotalSeconds);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private AmqpConnection? _connection;
    private AmqpChannel? _channel;
    private int _unroutable;

    public static bool CanReturn(QueueMessage message) =>
        message is { Head: not null, Delivered.PassedBytes: 0 } && message.Delivered.Head.Length < HeadBytesMax;

    /// <summary>Returns when the broker has all of them. Only then may the originals go.</summary>
    /// <exception cref="IOException">It may not have some of them.</exception>
    public async Task ReturnAsync(IReadOnlyList<QueueMessage> messages, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var channel = await OpenAsync(cancellationToken);
            _unroutable = 0;

            // Each time: this is also how the broker hears that the queue is in use.
            await channel.DeclareQueueAsync(_name, Arguments());
            await Task.WhenAll(messages.Select(message =>
                channel.PublishConfirmedAsync("", _name, message.Mark.Write(message.Head!, message.Headers), message.Body)))
                .WaitAsync(Patience, time, cancellationToken);
            if (Volatile.Read(ref _unroutable) > 0)
            {
                throw new IOException("The queue for returned messages is gone");
            }
        }
        catch (TimeoutException late)
        {
            await CloseAsync();
            throw new IOException("The broker does not confirm", late);
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _turn.Dispose();
    }

    /// <summary>A dead letter leaves this queue only when the user's has it; what does not fit is refused, not dropped.</summary>
    private Dictionary<string, object> Arguments() => new()
    {
        ["x-queue-type"] = "quorum",
        ["x-message-ttl"] = (int)visibility.TotalMilliseconds,
        ["x-dead-letter-exchange"] = "",
        ["x-dead-letter-routing-key"] = queue,
        ["x-dead-letter-strategy"] = "at-least-once",
        ["x-overflow"] = "reject-publish",
        ["x-expires"] = (int)(visibility + Unused).TotalMilliseconds,
    };

    private async Task<AmqpChannel> OpenAsync(CancellationToken cancellationToken)
    {
        if (_channel is { IsOpen: true } open)
        {
            return open;
        }

        await CloseAsync();
        _connection = await AmqpConnection.ConnectAsync(address, $"fnq returns to {queue}", time, cancellationToken);
        _channel = await _connection.OpenChannelAsync(confirms: true);
        _channel.ReadStrangers(AmqpLimits.BodyBytesMax);
        _channel.Returned = _ => Interlocked.Increment(ref _unroutable);
        return _channel;
    }

    private async Task CloseAsync()
    {
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
        {
            await connection.DisposeAsync();
        }
    }
}
