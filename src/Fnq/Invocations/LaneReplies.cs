using Fnq.Dispatch;
using Fnq.Messaging;
using RabbitMQ.Client;

namespace Fnq.Invocations;

/// <summary>
/// What a worker publishes, on a connection of its own: a broker alarm stops reading a publishing socket, and acks must
/// not wait behind it.
/// </summary>
internal sealed class LaneReplies : IAsyncDisposable
{
    private readonly KeptConnection _link;
    private IChannel? _replies;
    private IChannel? _confirmed;

    public LaneReplies(string platformAmqpUrl, TimeProvider time, ILogger<LaneReplies> logger) =>
        _link = new KeptConnection(platformAmqpUrl, "fnq replies", SetUpAsync, time, logger);

    public Task StartAsync(CancellationToken cancellationToken) => _link.StartAsync(cancellationToken);

    public ValueTask TellAsync(LaneDelivery delivery, string kind) => PublishAsync(_replies, delivery, kind, ReadOnlyMemory<byte>.Empty);

    /// <summary>Confirmed before the run begins: a caller that has not heard of it may send the request again.</summary>
    public ValueTask TellStartedAsync(LaneDelivery delivery) =>
        PublishAsync(Confirmed(), delivery, LaneTopology.Kind.Started, ReadOnlyMemory<byte>.Empty);

    public ValueTask AnswerAsync(LaneDelivery delivery, InvocationResult result) =>
        PublishAsync(_replies, delivery, LaneTopology.Kind.Result, InvocationWire.Encode(result));

    /// <summary>Sends a request that this worker will not run back to its lane, confirmed, so that the ack may follow.</summary>
    public async Task HandBackAsync(LaneDelivery delivery, CancellationToken cancellationToken)
    {
        var properties = new BasicProperties
        {
            Type = LaneTopology.Kind.Invoke,
            CorrelationId = delivery.CorrelationId,
            ReplyTo = delivery.ReplyTo,
        };
        await Confirmed().BasicPublishAsync(
            LaneTopology.InvokeExchange, delivery.Request.Deployment.Value, mandatory: true, properties,
            InvocationWire.Encode(delivery.Request), cancellationToken);
    }

    public ValueTask CallForHelpAsync(string deployment) => Confirmed().BasicPublishAsync(
        "", LaneTopology.ColdQueue, mandatory: true, LaneTopology.HelpNotice(), System.Text.Encoding.UTF8.GetBytes(deployment));

    public ValueTask DisposeAsync() => _link.DisposeAsync();

    private static async ValueTask PublishAsync(IChannel? channel, LaneDelivery delivery, string kind, ReadOnlyMemory<byte> body)
    {
        if (delivery.ReplyTo is not { Length: > 0 } replyTo || channel is null)
        {
            return;
        }

        await channel.BasicPublishAsync(
            "", replyTo, mandatory: false,
            new BasicProperties { Type = kind, CorrelationId = delivery.CorrelationId }, body);
    }

    private IChannel Confirmed() => _confirmed ?? throw new IOException("The broker connection for replies is down");

    private async Task SetUpAsync(IConnection connection, CancellationToken cancellationToken)
    {
        _replies = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        _confirmed = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true),
            cancellationToken);
    }
}
