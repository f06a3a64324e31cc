using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fnq.Contracts;
using RabbitMQ.Client;

namespace Fnq.Invocations.Events;

/// <summary>One of the event queues: its name is the address, the routing key and the queue.</summary>
/// <param name="Prefetch">Events that a process holds of it at a time.</param>
internal sealed record EventQueueName(string Value, ushort Prefetch);

/// <summary>Names and shapes of the event plane on the broker.</summary>
internal static class EventTopology
{
    /// <summary>What comes out of a delay goes to the queue that its routing key names.</summary>
    public const string Exchange = "fnq.events";

    /// <summary>Messages of the event queues that nobody can read, kept as they came.</summary>
    public const string UnreadableQueue = "fnq-events-unreadable";
    private const string DelayPrefix = "fnq.delay.";
    private const int Shards = 16;
    private const int SmallSetShards = 4;

    /// <summary>A run this long has queues of its own, so that short ones do not wait behind it.</summary>
    private static readonly TimeSpan LongRun = TimeSpan.FromSeconds(60);

    /// <summary>Payloads over this many bytes have queues of which a process holds few messages: its memory is bounded.</summary>
    private const int LargePayloadBytes = 64 * 1024;

    private static readonly IReadOnlyList<EventQueueName> Short = Set("fnq-events-", Shards, prefetch: 64);
    private static readonly IReadOnlyList<EventQueueName> Long = Set("fnq-events-long-", SmallSetShards, prefetch: 64);
    private static readonly IReadOnlyList<EventQueueName> Large = Set("fnq-events-large-", SmallSetShards, prefetch: 4);

    /// <summary>Quorum queues with a time to live of their own: what was waiting longest leaves first.</summary>
    private static readonly int[] DelaySeconds = [1, 2, 4, 8, 15, 30, 60, 120, 300];

    public static IEnumerable<EventQueueName> Queues => [.. Short, .. Long, .. Large];

    /// <summary>The two queues of a function (shuffle sharding): no two functions are likely to share both.</summary>
    public static (EventQueueName First, EventQueueName Second) QueuesOf(FunctionKey function, int payloadBytes, TimeSpan timeout)
    {
        var set = payloadBytes > LargePayloadBytes ? Large : timeout > LongRun ? Long : Short;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(function.Arn));
        var first = hash[0] % set.Count;
        var second = (first + 1 + (hash[1] % (set.Count - 1))) % set.Count;
        return (set[first], set[second]);
    }

    /// <summary>The longer, the more often it was refused: 1 s to 5 min.</summary>
    public static TimeSpan BackOff(int refusals) => TimeSpan.FromSeconds(DelaySeconds[Math.Clamp(refusals - 1, 0, DelaySeconds.Length - 1)]);

    /// <summary>The exchange of the shortest delay that is not shorter than what is asked for; the longest if none is.</summary>
    public static string DelayExchange(TimeSpan delay)
    {
        var seconds = DelaySeconds.FirstOrDefault(each => each >= delay.TotalSeconds, DelaySeconds[^1]);
        return DelayPrefix + seconds.ToString(CultureInfo.InvariantCulture);
    }

    public static async Task DeclareAsync(IChannel channel, IReadOnlyDictionary<string, object?> quorum, CancellationToken cancellationToken)
    {
        await channel.ExchangeDeclareAsync(Exchange, ExchangeType.Direct, durable: true, cancellationToken: cancellationToken);
        foreach (var queue in Queues)
        {
            await DeclareQueueAsync(channel, queue.Value, Copy(quorum), cancellationToken);
            await channel.QueueBindAsync(queue.Value, Exchange, queue.Value, cancellationToken: cancellationToken);
        }

        await DeclareQueueAsync(channel, UnreadableQueue, Copy(quorum), cancellationToken);
        foreach (var seconds in DelaySeconds)
        {
            await DeclareDelayAsync(channel, seconds, Copy(quorum), cancellationToken);
        }
    }

    /// <summary>Dead letters of a quorum queue are safe only with the strategy and the overflow below; else they may get lost.</summary>
    private static async Task DeclareDelayAsync(IChannel channel, int seconds, Dictionary<string, object?> arguments, CancellationToken cancellationToken)
    {
        arguments["x-message-ttl"] = seconds * 1_000;
        arguments["x-dead-letter-exchange"] = Exchange;
        arguments["x-dead-letter-strategy"] = "at-least-once";
        arguments["x-overflow"] = "reject-publish";
        var name = DelayPrefix + seconds.ToString(CultureInfo.InvariantCulture);
        await channel.ExchangeDeclareAsync(name, ExchangeType.Fanout, durable: true, cancellationToken: cancellationToken);
        await DeclareQueueAsync(channel, name, arguments, cancellationToken);
        await channel.QueueBindAsync(name, name, "", cancellationToken: cancellationToken);
    }

    private static Task<QueueDeclareOk> DeclareQueueAsync(
        IChannel channel, string name, Dictionary<string, object?> arguments, CancellationToken cancellationToken) =>
        channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: cancellationToken);

    private static IReadOnlyList<EventQueueName> Set(string prefix, int count, ushort prefetch) =>
        [.. Enumerable.Range(0, count).Select(number => new EventQueueName(string.Create(CultureInfo.InvariantCulture, $"{prefix}{number:00}"), prefetch))];

    private static Dictionary<string, object?> Copy(IReadOnlyDictionary<string, object?> arguments) => new(arguments);
}
