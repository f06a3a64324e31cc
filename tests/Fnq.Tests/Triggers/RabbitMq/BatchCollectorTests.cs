using System.Threading.Channels;
using Fnq.Amqp;
using Fnq.Dispatch;
using Fnq.Triggers.RabbitMq;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Fnq.Tests.Triggers.RabbitMq;

public sealed class BatchCollectorTests
{
    private readonly Channel<AmqpMessage> _inbox = Channel.CreateUnbounded<AmqpMessage>();
    private readonly FakeTimeProvider _time = new(Samples.Now);
    private readonly Singles _singles = new();
    private ulong _tag;

    [Fact]
    public async Task Without_a_window_a_batch_is_what_is_there()
    {
        var collector = Collector(Samples.Mapping());
        Deliver("1", "2");
        Assert.Equal(["1", "2"], BodiesOf(await collector.NextAsync(default)));
        Deliver("3", "4", "5", "6");
        Assert.Equal(["3", "4", "5"], BodiesOf(await collector.NextAsync(default)));
        Assert.Equal(["6"], BodiesOf(await collector.NextAsync(default)));
    }

    [Fact]
    public async Task A_window_waits_until_it_is_over_or_the_batch_is_full()
    {
        var collector = Collector(Samples.Mapping() with { Window = TimeSpan.FromSeconds(20) });
        Deliver("1");
        var next = collector.NextAsync(default);
        _time.Advance(TimeSpan.FromSeconds(19));
        Assert.False(next.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(["1"], BodiesOf(await next));
        Deliver("2");
        next = collector.NextAsync(default);
        Deliver("3", "4");
        Assert.Equal(["2", "3", "4"], BodiesOf(await next));
    }

    [Fact]
    public async Task A_batch_is_closed_before_it_is_too_large_and_a_message_that_always_is_fails_alone()
    {
        var collector = Collector(Samples.Mapping());
        string half = new('h', 3 << 20), whole = new('w', 7 << 20);
        Deliver(half, whole, half, "last");
        Assert.Single((await collector.NextAsync(default)).Items);
        Assert.Single(collector.Held);
        Assert.Equal([half, "last"], BodiesOf(await collector.NextAsync(default)));
        Assert.Equal([2UL], _singles.Failed);
    }

    [Fact]
    public async Task What_no_filter_lets_through_is_dropped()
    {
        var collector = Collector(Samples.Mapping() with { Filters = ["""{"body":{"a":[1]}}""", """{"body":["plain"]}"""] });
        Deliver("""{"a":1}""", """{"a":2}""", "no json", "plain");
        Assert.Equal(["""{"a":1}""", "plain"], BodiesOf(await collector.NextAsync(default)));
        Assert.Equal([2UL, 3UL], _singles.Dropped);
    }

    [Fact]
    public async Task Two_messages_of_one_id_have_two_names()
    {
        var collector = Collector(Samples.Mapping());
        for (var twice = 0; twice < 2; twice++)
        {
            _inbox.Writer.TryWrite(Samples.Delivered(Samples.Head((HeadField.MessageId, Samples.Text("same"))), [1], ++_tag));
        }

        var batch = await collector.NextAsync(default);
        Assert.Equal((2, 2, "same"), (batch.Items.Count, batch.Ids.Count, batch.Items[0].Id));
    }

    [Fact]
    public async Task Whoever_stops_finds_what_was_taken()
    {
        using var stopping = new CancellationTokenSource();
        var collector = Collector(Samples.Mapping() with { Window = TimeSpan.FromSeconds(20) });
        Deliver("1", "2");
        var next = collector.NextAsync(stopping.Token);
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
        Assert.Equal(2, collector.Held.Count);
    }

    private BatchCollector Collector(QueueMapping mapping) => new(mapping, EventShapes.Of(mapping), _inbox.Reader, _singles, _time);

    private void Deliver(params string[] bodies)
    {
        foreach (var body in bodies)
        {
            _inbox.Writer.TryWrite(Samples.Delivered(Samples.Head(), Samples.Text(body), ++_tag));
        }
    }

    private static IEnumerable<string> BodiesOf(MessageBatch batch) => batch.Items.Select(item => System.Text.Encoding.UTF8.GetString(item.Message.Body.Span));

    private sealed class Singles : ISingleMessages
    {
        public List<ulong> Dropped { get; } = [];

        public List<ulong> Failed { get; } = [];

        public ValueTask DropAsync(QueueMessage message)
        {
            Dropped.Add(message.Delivered.DeliveryTag);
            return default;
        }

        public ValueTask FailAsync(QueueMessage message)
        {
            Failed.Add(message.Delivered.DeliveryTag);
            return default;
        }
    }
}
