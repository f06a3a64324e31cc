using System.Collections.Concurrent;
using System.Globalization;

namespace Fnq.Amqp;

/// <summary>A queue as the broker describes it.</summary>
internal readonly record struct AmqpQueue(uint Messages, uint Consumers);

/// <summary>
/// One channel of a connection. What is delivered is given to its consumer in the turn in which it comes: a consumer must be
/// quick and must not throw. An answer of the broker is waited for by one at a time.
/// </summary>
internal sealed partial class AmqpChannel : IAsyncDisposable
{
    private readonly AmqpConnection _connection;
    private readonly AmqpOutput _output;
    private readonly ushort _number;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly ConcurrentDictionary<int, Action<AmqpMessage>> _consumers = new();
    private readonly AmqpConfirms _confirms = new();
    private readonly CancellationTokenSource _closed = new();
    private TaskCompletionSource<AmqpReply>? _asked;
    private AmqpClosedException? _reason;
    private int _lastConsumer;
    private int? _strangersBodyMax;

    internal AmqpChannel(AmqpConnection connection, AmqpOutput output, ushort number, TimeProvider time) =>
        (_connection, _output, _number, _time) = (connection, output, number, time);

    public AmqpConnection Connection => _connection;

    public bool IsOpen => Volatile.Read(ref _reason) is null;

    /// <summary>Says it once when the channel closes, alone or with its connection, for whatever reason.</summary>
    public CancellationToken Closed => _closed.Token;

    /// <summary>Gets what was published as mandatory and found no queue, unless its confirm is waited for.</summary>
    public Action<AmqpMessage>? Returned { get; set; }

    /// <summary>
    /// Before anything comes: messages are those of strangers. Their properties come as bytes that nobody has looked at, and
    /// a body of more than so many bytes is read past.
    /// </summary>
    public void ReadStrangers(int bodyBytesMax) => _strangersBodyMax = Math.Min(bodyBytesMax, AmqpLimits.BodyBytesMax);

    internal async Task OpenAsync(bool confirms)
    {
        await AskAsync(AmqpMethod.ChannelOpen, static to => to.ShortString(""));
        if (confirms)
        {
            await AskAsync(AmqpMethod.ConfirmSelect, static to => to.Octet(0));
        }
    }

    /// <summary>Durable.</summary>
    public Task DeclareExchangeAsync(string name, string type, IReadOnlyDictionary<string, object>? arguments = null) =>
        AskAsync(AmqpMethod.ExchangeDeclare, to => to.Short(0).ShortString(name).ShortString(type).Octet(Bits.Durable).Table(arguments));

    /// <summary>Durable.</summary>
    public Task DeclareQueueAsync(string name, IReadOnlyDictionary<string, object>? arguments = null) =>
        AskAsync(AmqpMethod.QueueDeclare, to => to.Short(0).ShortString(name).Octet(Bits.Durable).Table(arguments));

    /// <exception cref="AmqpClosedException">404, and the channel is closed: there is no such queue.</exception>
    public async Task<AmqpQueue> InspectQueueAsync(string name)
    {
        var reply = await AskAsync(AmqpMethod.QueueDeclare, to => to.Short(0).ShortString(name).Octet(Bits.Passive).Table(null));
        return ReadQueue(reply.Arguments);
    }

    public Task BindAsync(string queue, string exchange, string key) =>
        AskAsync(AmqpMethod.QueueBind, to => to.Short(0).ShortString(queue).ShortString(exchange).ShortString(key).Octet(0).Table(null));

    public Task UnbindAsync(string queue, string exchange, string key) =>
        AskAsync(AmqpMethod.QueueUnbind, to => to.Short(0).ShortString(queue).ShortString(exchange).ShortString(key).Table(null));

    /// <param name="prefetch">Of this consumer, unacked; 0 is any number.</param>
    /// <param name="priority">The broker gives to the highest that has room.</param>
    public async Task<string> ConsumeAsync(string queue, Action<AmqpMessage> consume, ushort prefetch = 0, bool autoAck = false, int priority = 0)
    {
        var number = Interlocked.Increment(ref _lastConsumer);
        var tag = number.ToString(CultureInfo.InvariantCulture);
        _consumers[number] = consume;
        await AskAsync(
            AmqpMethod.BasicConsume,
            to =>
            {
                var arguments = priority == 0 ? null : new Dictionary<string, object> { ["x-priority"] = priority };
                to.Short(0).ShortString(queue).ShortString(tag).Octet(autoAck ? Bits.NoAck : (byte)0).Table(arguments);
            },
            () => AskUnguardedAsync(AmqpMethod.BasicQos, to => to.Long(0).Short(prefetch).Octet(0)));
        return tag;
    }

    /// <summary>Whatever the broker had sent to it has been given to the consumer when this returns.</summary>
    public async Task CancelAsync(string tag)
    {
        await AskAsync(AmqpMethod.BasicCancel, to => to.ShortString(tag).Octet(0));
        _consumers.TryRemove(int.Parse(tag, CultureInfo.InvariantCulture), out _);
    }

    /// <summary>Null when the queue is empty.</summary>
    public async Task<AmqpMessage?> GetAsync(string queue) =>
        (await AskAsync(AmqpMethod.BasicGet, to => to.Short(0).ShortString(queue).Octet(0))).Message;

    public ValueTask PublishAsync(string exchange, string key, AmqpProperties properties, ReadOnlyMemory<byte> body, bool mandatory = false)
    {
        ThrowIfClosed();
        return _output.WriteAsync(
            (Channel: this, exchange, key, properties, body, mandatory),
            static (to, it) => it.Channel.Compose(to, it.exchange, it.key, it.properties, it.body, it.mandatory));
    }

    /// <summary>Returns when the broker has it. On a channel with confirms, where all that is published is published by this.</summary>
    /// <exception cref="IOException">It may not have it; with mandatory, also that no queue took it.</exception>
    public async Task PublishConfirmedAsync(string exchange, string key, AmqpProperties properties, ReadOnlyMemory<byte> body, bool mandatory = false)
    {
        ThrowIfClosed();
        var confirmed = Task.CompletedTask;
        await _output.WriteAsync(
            this,
            (to, _) =>
            {
                (var number, confirmed) = _confirms.Expect();
                Compose(to, exchange, key, properties with { MessageId = number.ToString(CultureInfo.InvariantCulture) }, body, mandatory);
            });
        await confirmed;
    }

    /// <summary>
    /// The same for a message with properties of any kind, mandatory, on a channel that reads strangers' messages. One that no
    /// queue takes is given to <see cref="Returned"/> before this returns.
    /// </summary>
    /// <param name="head">As of <see cref="AmqpMessage.Head"/>.</param>
    /// <exception cref="ArgumentException">The head does not fit into a frame.</exception>
    public async Task PublishConfirmedAsync(string exchange, string key, ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body)
    {
        ThrowIfClosed();
        if (head.Length > _connection.FrameBytes - AmqpFrame.FramingBytes - AmqpFrame.ContentHeadBytes)
        {
            throw new ArgumentException("Properties that fit into no frame");
        }

        var confirmed = Task.CompletedTask;
        await _output.WriteAsync(
            this,
            (to, _) =>
            {
                (var _, confirmed) = _confirms.Expect();
                to.Method(_number, AmqpMethod.BasicPublish).Short(0).ShortString(exchange).ShortString(key).Octet(Bits.Mandatory).End();
                to.Content(_number, head.Span, body.Span, _connection.FrameBytes);
            });
        await confirmed;
    }

    public ValueTask AckAsync(ulong deliveryTag) => SettleAsync(AmqpMethod.BasicAck, deliveryTag);

    /// <summary>Back into its queue, where it was if it can.</summary>
    public ValueTask RequeueAsync(ulong deliveryTag) => SettleAsync(AmqpMethod.BasicReject, deliveryTag, Bits.Requeue);

    /// <summary>Nobody gets it again, but for the queue's dead letters.</summary>
    public ValueTask RejectAsync(ulong deliveryTag) => SettleAsync(AmqpMethod.BasicReject, deliveryTag);

    /// <summary>What is unacked then goes back to its queue.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!IsOpen)
        {
            return;
        }

        try
        {
            await AskAsync(AmqpMethod.ChannelClose, static to => to.Goodbye());
            Close(new AmqpClosedException(AmqpClosedException.ClosedHere, "The channel was closed here"));
        }
        catch (AmqpClosedException)
        {
            // Faster than we.
        }
    }

    /// <summary>Once: the first reason is the reason.</summary>
    internal void Close(AmqpClosedException reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is null)
        {
            _connection.Forget(_number, this);
            Volatile.Read(ref _asked)?.TrySetException(reason);
            _confirms.Close(reason);
            _closed.Cancel();
        }
    }

    private async Task<AmqpReply> AskAsync(uint method, Action<AmqpWriter> arguments, Func<Task>? before = null)
    {
        await _turn.WaitAsync();
        try
        {
            if (before is not null)
            {
                await before();
            }

            return await AskUnguardedAsync(method, arguments);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<AmqpReply> AskUnguardedAsync(uint method, Action<AmqpWriter> arguments)
    {
        var asked = new TaskCompletionSource<AmqpReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _asked, asked);
        ThrowIfClosed();
        try
        {
            await _output.WriteAsync(
                (_number, method, arguments),
                static (to, it) =>
                {
                    to.Method(it._number, it.method);
                    it.arguments(to);
                    to.End();
                });
            return await asked.Task.WaitAsync(AmqpLimits.AnswerTime, _time);
        }
        catch (TimeoutException late)
        {
            var closed = new AmqpClosedException(0, "The broker does not answer", late);
            _connection.Fail(closed);
            throw closed;
        }
    }

    /// <summary>One message: without bits not multiple of an ack, not back into its queue of a reject.</summary>
    private ValueTask SettleAsync(uint method, ulong deliveryTag, byte bits = 0)
    {
        ThrowIfClosed();
        return _output.WriteAsync(
            (_number, method, deliveryTag, bits), static (to, it) => to.Method(it._number, it.method).LongLong(it.deliveryTag).Octet(it.bits).End());
    }

    private void Compose(AmqpWriter to, string exchange, string key, AmqpProperties properties, ReadOnlyMemory<byte> body, bool mandatory)
    {
        to.Method(_number, AmqpMethod.BasicPublish).Short(0).ShortString(exchange).ShortString(key).Octet(mandatory ? Bits.Mandatory : (byte)0).End();
        to.Content(_number, properties, body.Span, _connection.FrameBytes);
    }

    private void ThrowIfClosed()
    {
        if (Volatile.Read(ref _reason) is { } reason)
        {
            throw new AmqpClosedException(reason.Code, reason.Message, reason);
        }
    }

    private static AmqpQueue ReadQueue(byte[] arguments)
    {
        var from = new AmqpReader(arguments);
        from.ShortBytes();
        return new AmqpQueue(from.Long(), from.Long());
    }

    private static class Bits
    {
        public const byte Passive = 1;
        public const byte Durable = 2;
        public const byte NoAck = 2;
        public const byte Mandatory = 1;
        public const byte Requeue = 1;
    }
}
