using System.Collections.Concurrent;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Messaging;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Fnq.Invocations;

/// <summary>
/// The caller's end of the lanes: sends requests, takes replies by direct reply-to, and answers for those whose worker
/// is gone. At most one run per request: only what was held and had not begun is sent again, once.
/// </summary>
internal sealed partial class LaneCaller : IAsyncDisposable
{
    private const string DirectReplyTo = "amq.rabbitmq.reply-to";

    /// <summary>
    /// The broker closes the channels of a dead worker one after the other, and until the last is closed it still gives
    /// that worker messages: one sent again at once could be lost with it a second time.
    /// </summary>
    private static readonly TimeSpan BurialTime = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<string, PendingInvocation> _pending = new();
    private readonly KeptConnection _link;
    private readonly LaneWatch _watch;
    private readonly IRunJournal _journal;
    private readonly LostRuns _lostRuns;
    private readonly TimeProvider _time;
    private readonly ILogger<LaneCaller> _logger;
    private IChannel? _channel;

    public LaneCaller(string platformAmqpUrl, IRunJournal journal, LostRuns lostRuns, TimeProvider time, ILogger<LaneCaller> logger)
    {
        (_journal, _lostRuns, _time, _logger) = (journal, lostRuns, time, logger);
        _link = new KeptConnection(platformAmqpUrl, "fnq caller", SetUpAsync, time, logger);
        _watch = new LaneWatch(_pending, time, logger);
    }

    public bool IsUp => _link.IsUp;

    public TimeSpan DownFor => _link.DownFor;

    public Task StartAsync(CancellationToken cancellationToken) => _link.StartAsync(cancellationToken);

    public async ValueTask<InvocationResult> InvokeAsync(Deployment deployment, InvocationRequest request)
    {
        var pending = new PendingInvocation(request, _time.GetTimestamp());
        var result = await SendAsync(deployment, pending);
        if (result is not null)
        {
            return result;
        }

        if (pending.OnLoss() == LossDecision.Resend)
        {
            await Task.Delay(BurialTime, _time, CancellationToken.None);
            var again = request with { RunId = RunId.New(_time), Delivery = request.Delivery + 1 };
            pending = new PendingInvocation(again, _time.GetTimestamp());
            result = await SendAsync(deployment, pending);
            if (result is not null)
            {
                return result;
            }
        }

        await _journal.AppendAsync(_lostRuns.RecordOf(deployment, pending.Request));
        return InvocationResult.Of(DispatchStatus.PlatformLost);
    }

    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync();
        await _link.DisposeAsync();
    }

    /// <summary>Null means lost: its worker or the broker went away after it was sent.</summary>
    private async Task<InvocationResult?> SendAsync(Deployment deployment, PendingInvocation pending)
    {
        if (_channel is not { IsOpen: true } channel || _link.IsBlocked)
        {
            return InvocationResult.Of(DispatchStatus.Unavailable);
        }

        var key = pending.Request.RunId.ToString();
        _pending[key] = pending;
        try
        {
            var properties = new BasicProperties
            {
                Type = LaneTopology.Kind.Invoke,
                CorrelationId = key,
                ReplyTo = DirectReplyTo,
            };
            await channel.BasicPublishAsync(
                LaneTopology.InvokeExchange, pending.Request.Deployment.Value, mandatory: true, properties,
                InvocationWire.Encode(pending.Request));
            _watch.Arm();
            return await pending.Reply.Task.WaitAsync(LongestWait(deployment, pending.Request), _time);
        }
        catch (TimeoutException)
        {
            return null;
        }
        catch (Exception error) when (error is RabbitMQ.Client.Exceptions.AlreadyClosedException or OperationCanceledException or IOException)
        {
            LogSendFailed(error);
            return InvocationResult.Of(DispatchStatus.Unavailable);
        }
        finally
        {
            _pending.TryRemove(key, out _);
        }
    }

    /// <summary>Start deadline, an initialisation that is tried twice, the run, and a margin: after that nobody answers any more.</summary>
    private TimeSpan LongestWait(Deployment deployment, InvocationRequest request)
    {
        var untilStart = request.StartDeadline - _time.GetUtcNow();
        return (untilStart > TimeSpan.Zero ? untilStart : TimeSpan.Zero) + (2 * deployment.Timeout) + TimeSpan.FromSeconds(15);
    }

    private async Task SetUpAsync(IConnection connection, CancellationToken cancellationToken)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        await LaneTopology.DeclareAsync(channel, cancellationToken);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += OnReplyAsync;
        await channel.BasicConsumeAsync(DirectReplyTo, autoAck: true, consumer, cancellationToken);
        channel.BasicReturnAsync += OnReturnedAsync;
        channel.ChannelShutdownAsync += (_, _) => FailAllAsync(channel);
        KeptConnection.EndWith(connection, channel);
        _watch.Use(connection);
        _channel = channel;
    }

    private Task OnReplyAsync(object sender, BasicDeliverEventArgs delivery)
    {
        if (delivery.BasicProperties.CorrelationId is not { } key || !_pending.TryGetValue(key, out var pending))
        {
            return Task.CompletedTask; // A second reply, or one that came too late.
        }

        switch (delivery.BasicProperties.Type)
        {
            case LaneTopology.Kind.Held:
                pending.Advance(RequestProgress.Held);
                break;
            case LaneTopology.Kind.Released:
                pending.Release();
                break;
            case LaneTopology.Kind.Started:
                pending.Advance(RequestProgress.Started);
                break;
            case LaneTopology.Kind.Redelivered:
                pending.Reply.TrySetResult(null);
                break;
            case LaneTopology.Kind.Result:
                pending.Reply.TrySetResult(InvocationWire.DecodeResult(delivery.Body.ToArray()));
                break;
            default:
                LogUnknownReply(delivery.BasicProperties.Type);
                break;
        }

        return Task.CompletedTask;
    }

    /// <summary>Neither a lane nor the cold queue took it: the topology is gone. Nothing has run.</summary>
    private Task OnReturnedAsync(object sender, BasicReturnEventArgs returned)
    {
        if (returned.BasicProperties.CorrelationId is { } key && _pending.TryGetValue(key, out var pending))
        {
            pending.Reply.TrySetResult(InvocationResult.Of(DispatchStatus.Unavailable));
        }

        return Task.CompletedTask;
    }

    /// <summary>Replies come on the channel that asked: with it gone, none will.</summary>
    private Task FailAllAsync(IChannel channel)
    {
        Interlocked.CompareExchange(ref _channel, null, channel);
        foreach (var pending in _pending.Values)
        {
            // The word that it had begun may be among what was lost: it counts as begun and is not sent again.
            pending.Advance(RequestProgress.Started);
            pending.Reply.TrySetResult(null);
        }

        return Task.CompletedTask;
    }

    [LoggerMessage(2100, LogLevel.Debug, "A request could not be sent")]
    private partial void LogSendFailed(Exception error);

    [LoggerMessage(2101, LogLevel.Warning, "A reply of unknown kind {Kind}")]
    private partial void LogUnknownReply(string? kind);
}
