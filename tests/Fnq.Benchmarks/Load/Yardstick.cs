using System.Collections.Concurrent;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Fnq.Benchmarks.Load;

/// <summary>What the broker of this machine can do this minute.</summary>
internal sealed record YardstickResult(double PerSecond, double P50Milliseconds);

/// <summary>
/// Raw RabbitMQ.Client request and reply through one queue: prefetch-1 consumers, direct reply-to, 256-byte body, client
/// and consumers in one process. Everything else is told as a ratio to it.
/// </summary>
internal static class Yardstick
{
    private const string DirectReplyTo = "amq.rabbitmq.reply-to";
    private const int BodyBytes = 256;

    public static async Task<YardstickResult> MeasureAsync(
        string amqpUrl, int inFlight, int consumers, TimeSpan window, CancellationToken cancellationToken)
    {
        var factory = new ConnectionFactory { Uri = new Uri(amqpUrl), ClientProvidedName = "fnq bench yardstick" };
        await using var servers = await factory.CreateConnectionAsync(cancellationToken);
        var queue = await ServeAsync(servers, consumers, cancellationToken);
        await using var clients = await factory.CreateConnectionAsync(cancellationToken);
        await using var client = await YardstickClient.OpenAsync(clients, queue, cancellationToken);
        await client.RunAsync(inFlight, window / 4, cancellationToken);
        return await client.RunAsync(inFlight, window, cancellationToken);
    }

    /// <summary>The queue is exclusive, so that nothing is left however this ends.</summary>
    private static async Task<string> ServeAsync(IConnection connection, int consumers, CancellationToken cancellationToken)
    {
        var declaring = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        var queue = await declaring.QueueDeclareAsync("", durable: false, exclusive: true, autoDelete: true, cancellationToken: cancellationToken);
        for (var i = 0; i < consumers; i++)
        {
            var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
            await channel.BasicQosAsync(0, 1, global: false, cancellationToken);
            var consumer = new AsyncEventingBasicConsumer(channel);
            consumer.ReceivedAsync += async (_, delivery) =>
            {
                var properties = new BasicProperties { CorrelationId = delivery.BasicProperties.CorrelationId };
                await channel.BasicPublishAsync("", delivery.BasicProperties.ReplyTo!, mandatory: false, properties, delivery.Body);
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
            };
            await channel.BasicConsumeAsync(queue.QueueName, autoAck: false, consumer, cancellationToken);
        }

        return queue.QueueName;
    }

    private sealed class YardstickClient(IChannel channel, string queue) : IAsyncDisposable
    {
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _pending = new();
        private readonly byte[] _body = new byte[BodyBytes];
        private long _next;

        public static async Task<YardstickClient> OpenAsync(IConnection connection, string queue, CancellationToken cancellationToken)
        {
            var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
            var client = new YardstickClient(channel, queue);
            var replies = new AsyncEventingBasicConsumer(channel);
            replies.ReceivedAsync += client.OnReplyAsync;
            await channel.BasicConsumeAsync(DirectReplyTo, autoAck: true, replies, cancellationToken);
            return client;
        }

        public async Task<YardstickResult> RunAsync(int inFlight, TimeSpan window, CancellationToken cancellationToken)
        {
            var time = TimeProvider.System;
            var begun = time.GetTimestamp();
            var samples = await Task.WhenAll(Enumerable.Range(0, inFlight).Select(_ => CallAsync(begun, window, cancellationToken)));
            var seconds = time.GetElapsedTime(begun).TotalSeconds;
            var all = samples.SelectMany(list => list).ToList();
            return new YardstickResult(all.Count / seconds, Statistics.Median(all));
        }

        public ValueTask DisposeAsync() => channel.DisposeAsync();

        private async Task<List<double>> CallAsync(long begun, TimeSpan window, CancellationToken cancellationToken)
        {
            var time = TimeProvider.System;
            var milliseconds = new List<double>();
            while (time.GetElapsedTime(begun) < window)
            {
                var sent = time.GetTimestamp();
                var key = Interlocked.Increment(ref _next).ToString();
                var reply = _pending[key] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                var properties = new BasicProperties { CorrelationId = key, ReplyTo = DirectReplyTo };
                await channel.BasicPublishAsync("", queue, mandatory: false, properties, _body, cancellationToken);
                await reply.Task.WaitAsync(TimeSpan.FromSeconds(10), cancellationToken);
                milliseconds.Add(time.GetElapsedTime(sent).TotalMilliseconds);
            }

            return milliseconds;
        }

        private Task OnReplyAsync(object sender, BasicDeliverEventArgs delivery)
        {
            if (_pending.TryRemove(delivery.BasicProperties.CorrelationId!, out var pending))
            {
                pending.TrySetResult();
            }

            return Task.CompletedTask;
        }
    }
}
