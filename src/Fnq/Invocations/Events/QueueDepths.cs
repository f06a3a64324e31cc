using System.Collections.Concurrent;
using Fnq.Messaging;

namespace Fnq.Invocations.Events;

/// <summary>
/// How many events wait in the queues that are in use, as of at most a moment ago. Whoever asks is answered at once: the broker is
/// asked in the background, and only while somebody asks us.
/// </summary>
internal sealed partial class QueueDepths(BrokerLink broker, TimeProvider time, ILogger<QueueDepths> logger)
{
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<string, Depth> _known = new();

    public EventQueueName Shorter((EventQueueName First, EventQueueName Second) queues) =>
        Of(queues.Second) < Of(queues.First) ? queues.Second : queues.First;

    private long Of(EventQueueName queue)
    {
        var depth = _known.GetOrAdd(queue.Value, static _ => new Depth());
        if (time.GetElapsedTime(Volatile.Read(ref depth.AskedAt)) >= Freshness && Interlocked.Exchange(ref depth.IsAsking, 1) == 0)
        {
            Volatile.Write(ref depth.AskedAt, time.GetTimestamp());
            _ = AskAsync(queue.Value, depth);
        }

        return Volatile.Read(ref depth.Messages);
    }

    private async Task AskAsync(string queue, Depth depth)
    {
        try
        {
            using var limit = new CancellationTokenSource(Freshness, time);
            var channel = await broker.OpenAsync(limit.Token);
            Volatile.Write(ref depth.Messages, (await channel.QueueDeclarePassiveAsync(queue, limit.Token)).MessageCount);
        }
        catch (Exception unknown)
        {
            // What was known last is as good as a guess.
            LogUnknown(unknown, queue);
        }
        finally
        {
            Volatile.Write(ref depth.IsAsking, 0);
        }
    }

    private sealed class Depth
    {
        public long Messages;
        public long AskedAt;
        public int IsAsking;
    }

    [LoggerMessage(2200, LogLevel.Debug, "The broker did not tell how many events wait in {Queue}")]
    private partial void LogUnknown(Exception reason, string queue);
}
