using System.Text;
using Fnq.Amqp;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Messaging;

namespace Fnq.Invocations;

/// <summary>
/// What a worker publishes, on a connection of its own: a broker alarm stops reading a publishing socket, and acks must
/// not wait behind it.
/// </summary>
internal sealed class LaneReplies : IAsyncDisposable
{
    /// <summary>A reply waits this long for a broken link; by then its caller has been told by another way or is gone.</summary>
    private static readonly TimeSpan LinkPatience = TimeSpan.FromSeconds(10);

    private readonly KeptConnection _link;
    private readonly TimeProvider _time;
    private TaskCompletionSource<AmqpChannel> _replies = NewLink();
    private AmqpConnection? _connection;
    private AmqpChannel? _confirmed;

    public LaneReplies(string platformAmqpUrl, TimeProvider time, ILogger<LaneReplies> logger)
    {
        _time = time;
        _link = new KeptConnection(platformAmqpUrl, "fnq replies", SetUpAsync, time, logger);
    }

    public Task StartAsync(CancellationToken cancellationToken) => _link.StartAsync(cancellationToken);

    public ValueTask TellAsync(LaneDelivery delivery, string kind) => PublishAsync(delivery, kind, ReadOnlyMemory<byte>.Empty);

    /// <summary>
    /// Tells the caller that the run begins, and returns when the word has reached the caller's channel: no later report
    /// of this worker's death can overtake it and have the request sent again.
    /// </summary>
    public Task TellStartedAsync(LaneDelivery delivery) => delivery.ReplyTo is { Length: > 0 } replyTo
        ? Confirmed().PublishConfirmedAsync("", replyTo, Properties(delivery, LaneTopology.Kind.Started), default)
        : Task.CompletedTask;

    public ValueTask AnswerAsync(LaneDelivery delivery, InvocationResult result) =>
        PublishAsync(delivery, LaneTopology.Kind.Result, InvocationWire.Encode(result));

    /// <summary>Sends a request that this worker will not run back to its lane, confirmed, so that the ack may follow.</summary>
    public async Task HandBackAsync(LaneDelivery delivery)
    {
        await TellAsync(delivery, LaneTopology.Kind.Released);
        var deployment = delivery.Request.Deployment;
        var isShared = await HasConsumersAsync(deployment);
        await Confirmed().PublishConfirmedAsync(
            isShared ? LaneTopology.InvokeExchange : "", isShared ? deployment.Value : LaneTopology.ColdQueue,
            delivery.Message.Properties, delivery.Message.Body, mandatory: true);
    }

    /// <summary>A lane that nobody consumes would only hold up what is handed back to it.</summary>
    private async Task<bool> HasConsumersAsync(DeploymentId deployment)
    {
        await using var channel = await Open(_connection).OpenChannelAsync();
        try
        {
            return (await channel.InspectQueueAsync(LaneTopology.LaneOf(deployment))).Consumers > 0;
        }
        catch (AmqpClosedException)
        {
            return false;
        }
    }

    public Task CallForHelpAsync(DeploymentId deployment) => Confirmed().PublishConfirmedAsync(
        "", LaneTopology.ColdQueue, LaneTopology.HelpNotice, Encoding.UTF8.GetBytes(deployment.Value), mandatory: true);

    /// <summary>
    /// After this worker's last consumer: if it was the last of all, requests go round the lane, and what still came to it goes
    /// to whoever has room.
    /// </summary>
    public async Task LeaveLaneAsync(DeploymentId deployment)
    {
        if (_connection is { IsOpen: true } connection)
        {
            await using var channel = await connection.OpenChannelAsync(confirms: true);
            try
            {
                await LaneTopology.UnbindLaneIfUnusedAsync(channel, deployment);
                await LaneRescue.RescueAsync(channel, deployment);
            }
            catch (AmqpClosedException closed) when (closed.Code == AmqpClosedException.NotFound)
            {
                // It has expired.
            }
        }
    }

    public ValueTask DisposeAsync() => _link.DisposeAsync();

    private async ValueTask PublishAsync(LaneDelivery delivery, string kind, ReadOnlyMemory<byte> body)
    {
        if (delivery.ReplyTo is not { Length: > 0 } replyTo)
        {
            return;
        }

        for (var attempt = 1; ; attempt++)
        {
            var link = _replies;
            var replies = await link.Task.WaitAsync(LinkPatience, _time);
            try
            {
                await replies.PublishAsync("", replyTo, Properties(delivery, kind), body);
                return;
            }
            catch (AmqpClosedException) when (delivery.Channel.IsOpen && attempt < 3)
            {
                // Only this link broke: the message is still this worker's, and its caller still waits.
                Interlocked.CompareExchange(ref _replies, NewLink(), link);
            }
        }
    }

    private static AmqpProperties Properties(LaneDelivery delivery, string kind) => new() { Type = kind, CorrelationId = delivery.CorrelationId };

    private AmqpChannel Confirmed() => Open(_confirmed);

    private static T Open<T>(T? link)
        where T : class => link ?? throw new IOException("The broker connection for replies is down");

    private async Task SetUpAsync(AmqpConnection connection)
    {
        var replies = await connection.OpenChannelAsync();
        _confirmed = await connection.OpenChannelAsync(confirms: true);
        KeptConnection.EndWith(replies);
        KeptConnection.EndWith(_confirmed);
        _connection = connection;
        var link = NewLink();
        link.SetResult(replies);
        Interlocked.Exchange(ref _replies, link).TrySetResult(replies);
    }

    private static TaskCompletionSource<AmqpChannel> NewLink() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
