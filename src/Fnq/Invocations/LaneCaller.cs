using System.Collections.Concurrent;
using Fnq.Amqp;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Messaging;

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
    private AmqpChannel? _channel;

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
        var pending = PendingOf(deployment, request);
        var result = await SendAsync(pending);
        if (result is not null)
        {
            return result;
        }

        if (pending.OnLoss() == LossDecision.Resend)
        {
            await Task.Delay(BurialTime, _time, CancellationToken.None);
            pending = PendingOf(deployment, request with { RunId = RunId.New(_time), Delivery = request.Delivery + 1 });
            result = await SendAsync(pending);
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
    private async Task<InvocationResult?> SendAsync(PendingInvocation pending)
    {
        if (_channel is not { IsOpen: true } channel || _link.IsBlocked)
        {
            return InvocationResult.Of(DispatchStatus.Unavailable);
        }

        var key = pending.Request.RunId.ToString();
        _pending[key] = pending;
        try
        {
            await channel.PublishAsync(
                LaneTopology.InvokeExchange, pending.Request.Deployment.Value,
                new AmqpProperties { Type = LaneTopology.Kind.Invoke, CorrelationId = key, ReplyTo = DirectReplyTo },
                InvocationWire.Encode(pending.Request), mandatory: true);
            _watch.Arm();
            return await pending.Reply.Task;
        }
        catch (AmqpClosedException error)
        {
            LogSendFailed(error);
            return InvocationResult.Of(DispatchStatus.Unavailable);
        }
        finally
        {
            _pending.TryRemove(key, out _);
        }
    }

    private PendingInvocation PendingOf(Deployment deployment, InvocationRequest request)
    {
        var now = _time.GetTimestamp();
        return new PendingInvocation(request, now, now + (long)(LongestWait(deployment, request).TotalSeconds * _time.TimestampFrequency));
    }

    /// <summary>Start deadline, an initialisation that is tried twice, the run, and a margin: after that nobody answers any more.</summary>
    private TimeSpan LongestWait(Deployment deployment, InvocationRequest request)
    {
        var untilStart = request.StartDeadline - _time.GetUtcNow();
        return (untilStart > TimeSpan.Zero ? untilStart : TimeSpan.Zero) + (2 * deployment.Timeout) + TimeSpan.FromSeconds(15);
    }

    private async Task SetUpAsync(AmqpConnection connection)
    {
        var channel = await connection.OpenChannelAsync();
        await LaneTopology.DeclareAsync(channel);
        channel.Returned = OnReturned;
        await channel.ConsumeAsync(DirectReplyTo, OnReply, autoAck: true);
        channel.Closed.UnsafeRegister(_ => FailAll(channel), null);
        KeptConnection.EndWith(channel);
        _watch.Use(connection);
        _channel = channel;
    }

    private void OnReply(AmqpMessage reply)
    {
        if (reply.Properties.CorrelationId is not { } key || !_pending.TryGetValue(key, out var pending))
        {
            return; // A second reply, or one that came too late.
        }

        switch (reply.Properties.Type)
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
                pending.Reply.TrySetResult(ReadResult(reply));
                break;
            default:
                LogUnknownReply(reply.Properties.Type);
                break;
        }
    }

    /// <summary>Null, as of a lost one, when it cannot be read: it has run.</summary>
    private InvocationResult? ReadResult(AmqpMessage reply)
    {
        try
        {
            return InvocationWire.DecodeResult(reply.Body);
        }
        catch (FormatException error)
        {
            LogUnreadableReply(error);
            return null;
        }
    }

    /// <summary>Neither a lane nor the cold queue took it: the topology is gone. Nothing has run.</summary>
    private void OnReturned(AmqpMessage returned)
    {
        if (returned.Properties.CorrelationId is { } key && _pending.TryGetValue(key, out var pending))
        {
            pending.Reply.TrySetResult(InvocationResult.Of(DispatchStatus.Unavailable));
        }
    }

    /// <summary>Replies come on the channel that asked: with it gone, none will.</summary>
    private void FailAll(AmqpChannel channel)
    {
        Interlocked.CompareExchange(ref _channel, null, channel);
        foreach (var pending in _pending.Values)
        {
            // The word that it had begun may be among what was lost: it counts as begun and is not sent again.
            pending.Advance(RequestProgress.Started);
            pending.Reply.TrySetResult(null);
        }
    }

    [LoggerMessage(2100, LogLevel.Debug, "A request could not be sent")]
    private partial void LogSendFailed(Exception error);

    [LoggerMessage(2101, LogLevel.Warning, "A reply of unknown kind {Kind}")]
    private partial void LogUnknownReply(string? kind);

    [LoggerMessage(2102, LogLevel.Error, "A result that cannot be read")]
    private partial void LogUnreadableReply(Exception error);
}
