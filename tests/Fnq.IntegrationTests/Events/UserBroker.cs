using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Fnq.IntegrationTests.Events;

/// <param name="Headers">Texts as text.</param>
internal sealed record Arrived(string Body, IReadOnlyDictionary<string, string> Headers, string? MessageId)
{
    public JsonNode Json => JsonNode.Parse(Body)!;
}

/// <summary>A user of the broker beside Fnq: makes queues and reads them.</summary>
internal sealed class UserBroker : IAsyncDisposable
{
    private readonly IConnection _connection;
    private readonly IChannel _channel;

    private UserBroker(IConnection connection, IChannel channel) => (_connection, _channel) = (connection, channel);

    public static async Task<UserBroker> ConnectAsync(string url)
    {
        var connection = await new ConnectionFactory { Uri = new Uri(url) }.CreateConnectionAsync();
        return new UserBroker(connection, await connection.CreateChannelAsync());
    }

    /// <summary>A queue of a new name, bound to an exchange if one is named. What arrives is gathered.</summary>
    public async Task<(string Queue, ConcurrentQueue<Arrived> Arrived)> NewQueueAsync(string? exchange = null)
    {
        var queue = $"test-{Guid.NewGuid():N}";
        await _channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        if (exchange is not null)
        {
            await _channel.ExchangeDeclareAsync(exchange, ExchangeType.Fanout, durable: true);
            await _channel.QueueBindAsync(queue, exchange, "");
        }

        var arrived = new ConcurrentQueue<Arrived>();
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            var headers = (delivery.BasicProperties.Headers ?? new Dictionary<string, object?>())
                .ToDictionary(pair => pair.Key, pair => pair.Value is byte[] text ? Encoding.UTF8.GetString(text) : $"{pair.Value}");
            arrived.Enqueue(new(Encoding.UTF8.GetString(delivery.Body.Span), headers, delivery.BasicProperties.MessageId));
            return Task.CompletedTask;
        };
        await _channel.BasicConsumeAsync(queue, autoAck: true, consumer);
        return (queue, arrived);
    }

    public static async Task<Arrived> OneAsync(ConcurrentQueue<Arrived> arrived)
    {
        Arrived? first = null;
        await Until.TrueAsync(() => arrived.TryDequeue(out first), "a message arrives");
        return first!;
    }

    /// <summary>A durable queue that nobody reads yet.</summary>
    public async Task<string> DeclareAsync(IDictionary<string, object?>? arguments = null)
    {
        var queue = $"test-{Guid.NewGuid():N}";
        await _channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, arguments);
        return queue;
    }

    public Task DeclareAgainAsync(string queue) => _channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);

    /// <summary>Messages that nobody holds.</summary>
    public async Task<uint> DepthAsync(string queue) => (await _channel.QueueDeclarePassiveAsync(queue)).MessageCount;

    /// <summary>One that lies in the queue, taken out of it; null when it is empty.</summary>
    public Task<BasicGetResult?> GetAsync(string queue) => _channel.BasicGetAsync(queue, autoAck: true);

    public Task DeleteAsync(string queue) => _channel.QueueDeleteAsync(queue);

    public ValueTask PublishAsync(string exchange, string key, byte[] body, BasicProperties? properties = null) =>
        _channel.BasicPublishAsync(exchange, key, mandatory: true, properties ?? new BasicProperties(), body);

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
