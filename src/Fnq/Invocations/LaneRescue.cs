using Fnq.Amqp;
using Fnq.Contracts;

namespace Fnq.Invocations;

/// <summary>
/// Empties a queue that no worker consumes: what nobody had goes where any worker with room takes it; of what a dead
/// worker had, the caller is told, as another worker would. It needs no worker at all, so that callers are answered in
/// time when the last one died.
/// </summary>
internal static class LaneRescue
{
    /// <summary>At most this many in one go: the next look is a second away.</summary>
    private const uint Most = 500;

    /// <param name="channel">With publisher confirms.</param>
    /// <returns>How many runs were reported lost.</returns>
    public static Task<int> RescueAsync(AmqpChannel channel, DeploymentId deployment) => RescueAsync(channel, LaneTopology.LaneOf(deployment));

    /// <summary>With every worker full or dead nobody reads the cold queue; what is fresh there goes round to its end.</summary>
    public static Task<int> RescueColdAsync(AmqpChannel channel) => RescueAsync(channel, LaneTopology.ColdQueue);

    private static async Task<int> RescueAsync(AmqpChannel channel, string queue)
    {
        var found = await channel.InspectQueueAsync(queue);
        return found.Consumers > 0 ? 0 : await EmptyAsync(channel, queue, Math.Min(found.Messages, Most));
    }

    private static async Task<int> EmptyAsync(AmqpChannel channel, string queue, uint most)
    {
        var lost = 0;
        for (var taken = 0; taken < most && await channel.GetAsync(queue) is { } message; taken++)
        {
            if (message.Redelivered)
            {
                lost++;
                await ReportAsync(channel, message);
            }
            else if (message.Properties.Type != LaneTopology.Kind.Help)
            {
                await channel.PublishConfirmedAsync("", LaneTopology.ColdQueue, message.Properties, message.Body, mandatory: true);
            }

            await channel.AckAsync(message.DeliveryTag);
        }

        return lost;
    }

    private static async Task ReportAsync(AmqpChannel channel, AmqpMessage message)
    {
        if (message.Properties is { Type: LaneTopology.Kind.Invoke, ReplyTo: { Length: > 0 } replyTo, CorrelationId: var key })
        {
            await channel.PublishConfirmedAsync("", replyTo, new AmqpProperties { Type = LaneTopology.Kind.Redelivered, CorrelationId = key }, default);
        }
    }
}
