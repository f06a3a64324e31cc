using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Messaging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

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
    private volatile TaskCompletionSource _linked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IConnection? _connection;
    private IChannel? _replies;
    private IChannel? _confirmed;

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
    public ValueTask TellStartedAsync(LaneDelivery delivery) => delivery.ReplyTo is { Length: > 0 } replyTo
        ? Confirmed().BasicPublishAsync("", replyTo, mandatory: false, Properties(delivery, LaneTopology.Kind.Started), ReadOnlyMemory<byte>.Empty)
        : ValueTask.CompletedTask;

    public ValueTask AnswerAsync(LaneDelivery delivery, InvocationResult result) =>
        PublishAsync(delivery, LaneTopology.Kind.Result, InvocationWire.Encode(result));

    /// <summary>Sends a request that this worker will not run back to its lane, confirmed, so that the ack may follow.</summary>
    public async Task HandBackAsync(LaneDelivery delivery, CancellationToken cancellationToken)
    {
        await TellAsync(delivery, LaneTopology.Kind.Released);
        var isShared = await HasConsumersAsync(delivery.Request.Deployment);
        var properties = new BasicProperties
        {
            Type = LaneTopology.Kind.Invoke,
            CorrelationId = delivery.CorrelationId,
            ReplyTo = delivery.ReplyTo,
        };
        await Confirmed().BasicPublishAsync(
            isShared ? LaneTopology.InvokeExchange : "", isShared ? delivery.Request.Deployment.Value : LaneTopology.ColdQueue,
            mandatory: true, properties, InvocationWire.Encode(delivery.Request), cancellationToken);
    }

    /// <summary>A lane that nobody consumes would only hold up what is handed back to it.</summary>
    private async Task<bool> HasConsumersAsync(DeploymentId deployment)
    {
        await using var channel = await (_connection ?? throw new IOException("The broker connection for replies is down")).CreateChannelAsync();
        try
        {
            return (await channel.QueueDeclarePassiveAsync(LaneTopology.LaneOf(deployment))).ConsumerCount > 0;
        }
        catch (OperationInterruptedException)
        {
            return false;
        }
    }

    public ValueTask CallForHelpAsync(string deployment) => Confirmed().BasicPublishAsync(
        "", LaneTopology.ColdQueue, mandatory: true, LaneTopology.HelpNotice(), System.Text.Encoding.UTF8.GetBytes(deployment));

    /// <summary>On a channel for the purpose: the broker closes it when the lane is in use or gone.</summary>
    public async Task RemoveLaneIfUnusedAsync(DeploymentId deployment)
    {
        if (_connection is { IsOpen: true } connection)
        {
            await using var channel = await connection.CreateChannelAsync();
            try
            {
                await LaneTopology.RemoveLaneIfUnusedAsync(channel, deployment, CancellationToken.None);
            }
            catch (OperationInterruptedException)
            {
                // In use again, no longer empty, or gone: all three are as good.
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
            try
            {
                await Open(_replies).BasicPublishAsync("", replyTo, mandatory: false, Properties(delivery, kind), body);
                return;
            }
            catch (Exception error) when (error is AlreadyClosedException or IOException && delivery.Channel.IsOpen && attempt < 3)
            {
                // Only this link broke: the message is still this worker's, and its caller still waits.
                await _linked.Task.WaitAsync(LinkPatience, _time);
            }
        }
    }

    private static BasicProperties Properties(LaneDelivery delivery, string kind) => new() { Type = kind, CorrelationId = delivery.CorrelationId };

    private IChannel Confirmed() => Open(_confirmed);

    private static IChannel Open(IChannel? channel) => channel ?? throw new IOException("The broker connection for replies is down");

    private async Task SetUpAsync(IConnection connection, CancellationToken cancellationToken)
    {
        connection.ConnectionShutdownAsync += (_, _) =>
        {
            _linked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return Task.CompletedTask;
        };
        _replies = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        _confirmed = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true),
            cancellationToken);
        KeptConnection.EndWith(connection, _replies);
        KeptConnection.EndWith(connection, _confirmed);
        _connection = connection;
        _linked.TrySetResult();
    }
}
