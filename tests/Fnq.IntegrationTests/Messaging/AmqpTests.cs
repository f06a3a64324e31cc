using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Fnq.Amqp;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Messaging;

/// <summary>The invocation plane's own client against a real broker.</summary>
public sealed class AmqpTests(ServersFixture servers) : IClassFixture<ServersFixture>, IAsyncLifetime
{
    private static readonly AmqpProperties Plain = new() { Type = "test" };
    private static readonly TimeSpan Limit = Until.OnThisMachine(TimeSpan.FromSeconds(20));

    private readonly string _queue = $"amqp-{Guid.NewGuid():N}";
    private AmqpConnection _connection = null!;
    private AmqpChannel _channel = null!;

    public async ValueTask InitializeAsync()
    {
        _connection = await ConnectAsync(servers.Servers.PlatformAmqpUrl);
        _channel = await _connection.OpenChannelAsync();
        await _channel.DeclareQueueAsync(_queue, new Dictionary<string, object> { ["x-expires"] = 60_000 });
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(131_064)]
    [InlineData(131_065)]
    [InlineData(7 << 20)]
    public async Task A_message_comes_as_it_was_sent(int bytes)
    {
        var body = RandomNumberGenerator.GetBytes(bytes);
        var properties = new AmqpProperties { Type = "t", CorrelationId = "c", ReplyTo = "r" };
        var arrived = await ConsumeAsync(_channel);
        await _channel.PublishAsync("", _queue, properties, body);
        var message = await TakeAsync(arrived);
        Assert.Equal(properties, message.Properties);
        Assert.Equal(body, message.Body.ToArray());
        Assert.False(message.Redelivered);
        await _channel.AckAsync(message.DeliveryTag);
    }

    [Fact]
    public async Task Messages_come_in_order_and_each_once()
    {
        const int Count = 20_000;
        var arrived = await ConsumeAsync(_channel, autoAck: true);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < Count / 4; i++)
            {
                await _channel.PublishAsync("", _queue, Plain, Encoding.UTF8.GetBytes($"{writer} {i}"));
            }
        })));
        await Until.TrueAsync(() => arrived.Count >= Count, "all have come");
        var texts = arrived.Select(message => Encoding.UTF8.GetString(message.Body.Span).Split(' ')).ToList();
        Assert.Equal(Count, texts.Count);
        foreach (var one in texts.GroupBy(text => text[0]))
        {
            Assert.Equal(Enumerable.Range(0, Count / 4), one.Select(text => int.Parse(text[1])));
        }
    }

    [Fact]
    public async Task A_consumer_holds_as_many_as_its_prefetch_and_the_one_of_priority_comes_first()
    {
        var low = await ConsumeAsync(_channel, prefetch: 64);
        var high = await ConsumeAsync(_channel, prefetch: 2, priority: 10);
        for (var i = 0; i < 5; i++)
        {
            await _channel.PublishAsync("", _queue, Plain, default);
        }

        await Until.TrueAsync(() => low.Count + high.Count == 5, "all have come");
        Assert.Equal((3, 2), (low.Count, high.Count));
    }

    /// <summary>Whatever the broker had sent by then has come when the cancel returns: nothing comes later.</summary>
    [Fact]
    public async Task A_cancelled_consumer_has_had_its_last_message()
    {
        for (var round = 0; round < 20; round++)
        {
            var arrived = new ConcurrentQueue<AmqpMessage>();
            var tag = await _channel.ConsumeAsync(_queue, arrived.Enqueue, autoAck: true);
            for (var i = 0; i < 200; i++)
            {
                await _channel.PublishAsync("", _queue, Plain, default);
            }

            await _channel.CancelAsync(tag);
            var (inTime, left) = (arrived.Count, (int)(await _channel.InspectQueueAsync(_queue)).Messages);
            Assert.Equal(200, inTime + left);
            while (await _channel.GetAsync(_queue) is { } message)
            {
                await _channel.AckAsync(message.DeliveryTag);
            }

            Assert.Equal(inTime, arrived.Count);
        }
    }

    [Fact]
    public async Task What_is_not_acked_comes_again_with_its_flag()
    {
        await using (var other = await _connection.OpenChannelAsync())
        {
            var arrived = await ConsumeAsync(other);
            await _channel.PublishAsync("", _queue, Plain, "x"u8.ToArray());
            await TakeAsync(arrived);
        }

        AmqpMessage? again = null;
        await Until.TrueAsync(async () => (again = await _channel.GetAsync(_queue)) is not null, "it is back");
        Assert.True(again!.Redelivered);
        await _channel.RejectAsync(again.DeliveryTag);
        Assert.Null(await _channel.GetAsync(_queue));
    }

    [Fact]
    public async Task A_confirm_means_that_the_message_is_there()
    {
        await using var confirmed = await _connection.OpenChannelAsync(confirms: true);
        await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => confirmed.PublishConfirmedAsync("", _queue, Plain, "x"u8.ToArray(), mandatory: true)));
        Assert.Equal(500u, (await _channel.InspectQueueAsync(_queue)).Messages);
    }

    [Fact]
    public async Task What_no_queue_takes_is_an_error_where_it_is_mandatory()
    {
        await using var confirmed = await _connection.OpenChannelAsync(confirms: true);
        await Assert.ThrowsAsync<IOException>(() => confirmed.PublishConfirmedAsync("", "no such queue", Plain, "x"u8.ToArray(), mandatory: true));
        await confirmed.PublishConfirmedAsync("", "no such queue", Plain, "x"u8.ToArray());

        var returned = new TaskCompletionSource<AmqpMessage>();
        _channel.Returned = returned.SetResult;
        await _channel.PublishAsync("", "no such queue", new AmqpProperties { CorrelationId = "c" }, "y"u8.ToArray(), mandatory: true);
        Assert.Equal("c", (await returned.Task.WaitAsync(Limit)).Properties.CorrelationId);
    }

    [Fact]
    public async Task A_channel_that_the_broker_closes_says_why_and_its_connection_goes_on()
    {
        await using var other = await _connection.OpenChannelAsync();
        var refused = await Assert.ThrowsAsync<AmqpClosedException>(() => other.InspectQueueAsync("no such queue"));
        Assert.Equal(AmqpClosedException.NotFound, refused.Code);
        Assert.False(other.IsOpen);
        await Until.TrueAsync(() => other.Closed.IsCancellationRequested, "who listens has been told");
        await Assert.ThrowsAsync<AmqpClosedException>(() => other.AckAsync(1).AsTask());
        Assert.True(_connection.IsOpen);
        Assert.Equal(0u, (await _channel.InspectQueueAsync(_queue)).Messages);
    }

    [Fact]
    public async Task Channels_that_were_closed_make_room_for_others()
    {
        for (var i = 0; i < 3_000; i++)
        {
            await using var other = await _connection.OpenChannelAsync();
        }

        Assert.True(_connection.IsOpen);
    }

    [Fact]
    public async Task A_consumer_whose_queue_is_deleted_loses_its_channel()
    {
        await using var other = await _connection.OpenChannelAsync();
        await ConsumeAsync(other);
        await servers.Servers.RabbitMqCtlAsync("delete_queue", "-p", "fnq", _queue);
        await Until.TrueAsync(() => !other.IsOpen, "the channel is closed");
    }

    [Fact]
    public async Task A_connection_that_the_broker_closes_says_why_and_ends_all_that_wait()
    {
        await using var other = await ConnectAsync(servers.Servers.PlatformAmqpUrl);
        var channel = await other.OpenChannelAsync(confirms: true);
        var closed = new TaskCompletionSource();
        other.Closed.Register(closed.SetResult);
        await servers.Servers.RabbitMqCtlAsync("close_all_user_connections", AmqpAddress.Parse(servers.Servers.PlatformAmqpUrl).User, "for a test");
        await closed.Task.WaitAsync(Limit);
        Assert.False(channel.IsOpen);
        Assert.Contains("for a test", other.Reason, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<IOException>(() => channel.PublishConfirmedAsync("", _queue, Plain, default));
        await Assert.ThrowsAnyAsync<IOException>(() => other.OpenChannelAsync());
    }

    [Fact]
    public async Task Who_is_not_let_in_is_told()
    {
        var url = new UriBuilder(servers.Servers.PlatformAmqpUrl) { Password = "wrong" }.Uri.ToString();
        var refused = await Assert.ThrowsAnyAsync<IOException>(() => ConnectAsync(url));
        Assert.Contains("ACCESS_REFUSED", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_no_broker_is_the_wait_is_short()
    {
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        var port = ((System.Net.IPEndPoint)silent.LocalEndpoint).Port;
        var refused = await Assert.ThrowsAnyAsync<IOException>(() => ConnectAsync($"amqp://127.0.0.1:{port}/"));
        Assert.Contains("does not answer", refused.Message, StringComparison.Ordinal);
    }

    private static Task<AmqpConnection> ConnectAsync(string url) =>
        AmqpConnection.ConnectAsync(AmqpAddress.Parse(url), "test", TimeProvider.System, TestContext.Current.CancellationToken);

    private async Task<ConcurrentQueue<AmqpMessage>> ConsumeAsync(AmqpChannel channel, ushort prefetch = 0, bool autoAck = false, int priority = 0)
    {
        var arrived = new ConcurrentQueue<AmqpMessage>();
        await channel.ConsumeAsync(_queue, arrived.Enqueue, prefetch, autoAck, priority);
        return arrived;
    }

    private static async Task<AmqpMessage> TakeAsync(ConcurrentQueue<AmqpMessage> arrived)
    {
        AmqpMessage? message = null;
        await Until.TrueAsync(() => arrived.TryDequeue(out message), "a message has come");
        return message!;
    }
}
