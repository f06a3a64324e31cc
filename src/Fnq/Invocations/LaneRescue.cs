using Fnq.Contracts;
using RabbitMQ.Client;

namespace Fnq.Invocations;

/// <summary>
/// Empties a queue that no worker consumes: what nobody had goes where any worker with room takes it; of what a dead
/// worker had, the caller is told, as another worker would. It needs no worker at all, so that callers are answered in
/// time when the last one died.
/// </summary>
internal static class LaneRescue
{
    /// <summary>At most this many in one go: the next look is a second away.</summary>
    private const int Most = 500;

    /// <param name="channel">With publisher confirms.</param>
    /// <returns>How many runs were reported lost.</returns>
    public static async Task<int> RescueAsync(IChannel channel, DeploymentId deployment, CancellationToken cancellationToken)
    {
        var lane = await channel.QueueDeclarePassiveAsync(LaneTopology.LaneOf(deployment), cancellationToken);
        return lane.ConsumerCount > 0 ? 0 : await EmptyAsync(channel, lane.QueueName, Math.Min(lane.MessageCount, Most), cancellationToken);
    }

    /// <summary>With every worker full or dead nobody reads the cold queue; what is fresh there goes round to its end.</summary>
    public static async Task<int> RescueColdAsync(IChannel channel, CancellationToken cancellationToken)
    {
        var cold = await channel.QueueDeclarePassiveAsync(LaneTopology.ColdQueue, cancellationToken);
        return cold.ConsumerCount > 0 ? 0 : await EmptyAsync(channel, LaneTopology.ColdQueue, Math.Min(cold.MessageCount, Most), cancellationToken);
    }

    private static async Task<int> EmptyAsync(IChannel channel, string queue, uint most, CancellationToken cancellationToken)
    {
        var lost = 0;
        for (var taken = 0; taken < most && await channel.BasicGetAsync(queue, autoAck: false, cancellationToken) is { } message; taken++)
        {
            if (message.Redelivered)
            {
                lost++;
                await ReportAsync(channel, message, cancellationToken);
            }
            else if (message.BasicProperties.Type != LaneTopology.Kind.Help)
            {
                await channel.BasicPublishAsync(
                    "", LaneTopology.ColdQueue, mandatory: true, new BasicProperties(message.BasicProperties), message.Body, cancellationToken);
            }

            await channel.BasicAckAsync(message.DeliveryTag, multiple: false, cancellationToken);
        }

        return lost;
    }

    private static async Task ReportAsync(IChannel channel, BasicGetResult message, CancellationToken cancellationToken)
    {
        if (message.BasicProperties is { Type: LaneTopology.Kind.Invoke, ReplyTo: { Length: > 0 } replyTo, CorrelationId: var key })
        {
            await channel.BasicPublishAsync(
                "", replyTo, mandatory: false, new BasicProperties { Type = LaneTopology.Kind.Redelivered, CorrelationId = key },
                ReadOnlyMemory<byte>.Empty, cancellationToken);
        }
    }
}
