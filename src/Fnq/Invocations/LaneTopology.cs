using Fnq.Contracts;
using RabbitMQ.Client;

namespace Fnq.Invocations;

/// <summary>Names and shapes of the invocation plane on the broker, and the message kinds that travel on it.</summary>
internal static class LaneTopology
{
    public const string InvokeExchange = "fnq.invoke";
    public const string ColdQueue = "fnq.cold";
    private const string ColdExchange = "fnq.cold";

    /// <summary>A lane that nobody has consumed or published to for this long removes itself.</summary>
    private const int LaneExpiresMilliseconds = 600_000;

    public static class Kind
    {
        public const string Invoke = "invoke";
        public const string Help = "help";

        /// <summary>A worker has the message and no environment for it yet: it may be sent again if the worker dies.</summary>
        public const string Held = "held";

        /// <summary>The worker that held it has handed it on: from now on nobody knows how far it is.</summary>
        public const string Released = "released";

        /// <summary>It has an environment now: it must not be sent again.</summary>
        public const string Started = "started";
        public const string Result = "result";

        /// <summary>The broker delivered it a second time: the caller knows whether it had begun.</summary>
        public const string Redelivered = "redelivered";
    }

    public static string LaneOf(DeploymentId deployment) => $"fnq.lane.{deployment.Value}";

    public static async Task DeclareAsync(IChannel channel, CancellationToken cancellationToken)
    {
        await channel.ExchangeDeclareAsync(ColdExchange, ExchangeType.Fanout, durable: true, cancellationToken: cancellationToken);
        await channel.QueueDeclareAsync(ColdQueue, durable: true, exclusive: false, autoDelete: false, cancellationToken: cancellationToken);
        await channel.QueueBindAsync(ColdQueue, ColdExchange, "", cancellationToken: cancellationToken);
        await channel.ExchangeDeclareAsync(
            InvokeExchange, ExchangeType.Direct, durable: true,
            arguments: new Dictionary<string, object?> { ["alternate-exchange"] = ColdExchange },
            cancellationToken: cancellationToken);
    }

    public static async Task DeclareLaneAsync(IChannel channel, DeploymentId deployment, CancellationToken cancellationToken)
    {
        await channel.QueueDeclareAsync(
            LaneOf(deployment), durable: true, exclusive: false, autoDelete: false,
            arguments: new Dictionary<string, object?> { ["x-expires"] = LaneExpiresMilliseconds },
            cancellationToken: cancellationToken);
        await channel.QueueBindAsync(LaneOf(deployment), InvokeExchange, deployment.Value, cancellationToken: cancellationToken);
    }

    /// <summary>
    /// Removes a lane that has neither consumers nor messages, so that the next request is cold at once and not stranded
    /// there. Unbound first: what is published meanwhile goes to the cold queue, and nothing is on its way into a queue
    /// that is going. The channel may be closed by the broker when others were faster.
    /// </summary>
    public static async Task RemoveLaneIfUnusedAsync(IChannel channel, DeploymentId deployment, CancellationToken cancellationToken)
    {
        var lane = LaneOf(deployment);
        if (await channel.QueueDeclarePassiveAsync(lane, cancellationToken) is { ConsumerCount: 0, MessageCount: 0 })
        {
            await channel.QueueUnbindAsync(lane, InvokeExchange, deployment.Value, cancellationToken: cancellationToken);
            await channel.QueueDeleteAsync(lane, ifUnused: true, ifEmpty: true, cancellationToken: cancellationToken);
        }
    }

    public static BasicProperties HelpNotice() => new() { Type = Kind.Help, Expiration = "1000" };
}
