using Fnq.Amqp;
using Fnq.Contracts;

namespace Fnq.Invocations;

/// <summary>Names and shapes of the invocation plane on the broker, and the message kinds that travel on it.</summary>
internal static class LaneTopology
{
    public const string InvokeExchange = "fnq.invoke";
    public const string ColdQueue = "fnq.cold";
    private const string ColdExchange = "fnq.cold";

    /// <summary>A lane that nobody has consumed or declared for this long removes itself.</summary>
    private const int LaneExpiresMilliseconds = 600_000;

    public static readonly AmqpProperties HelpNotice = new() { Type = Kind.Help, Expiration = "1000" };

    private static readonly Dictionary<string, object> LaneArguments = new() { ["x-expires"] = LaneExpiresMilliseconds };

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

    public static async Task DeclareAsync(AmqpChannel channel)
    {
        await channel.DeclareExchangeAsync(ColdExchange, "fanout");
        await channel.DeclareQueueAsync(ColdQueue);
        await channel.BindAsync(ColdQueue, ColdExchange, "");
        await channel.DeclareExchangeAsync(InvokeExchange, "direct", new Dictionary<string, object> { ["alternate-exchange"] = ColdExchange });
    }

    /// <summary>Nothing is routed to it before it is bound, and it is bound when it has a consumer.</summary>
    public static Task DeclareLaneAsync(AmqpChannel channel, DeploymentId deployment) =>
        channel.DeclareQueueAsync(LaneOf(deployment), LaneArguments);

    public static Task BindLaneAsync(AmqpChannel channel, DeploymentId deployment) =>
        channel.BindAsync(LaneOf(deployment), InvokeExchange, deployment.Value);

    /// <summary>
    /// Takes a lane that has no consumers out of the way of requests, so that the next one is cold at once. It is never deleted:
    /// another worker may be about to consume it, and what had been routed to it would be gone without a word. Who consumes
    /// it meanwhile has bound it before or after the unbinding; of before, the second look tells.
    /// </summary>
    public static async Task UnbindLaneIfUnusedAsync(AmqpChannel channel, DeploymentId deployment)
    {
        var lane = LaneOf(deployment);
        if ((await channel.InspectQueueAsync(lane)).Consumers > 0)
        {
            return;
        }

        await channel.UnbindAsync(lane, InvokeExchange, deployment.Value);
        if ((await channel.InspectQueueAsync(lane)).Consumers > 0)
        {
            await BindLaneAsync(channel, deployment);
        }
    }
}
