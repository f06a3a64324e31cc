using Fnq.Contracts;
using Fnq.Invocations.Events;
using Xunit;

namespace Fnq.Tests.Invocations.Events;

public sealed class EventTopologyTests
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(60);

    [Fact]
    public void Functions_are_spread_over_pairs_of_sixteen_queues()
    {
        var pairs = Enumerable.Range(0, 2_000)
            .Select(number => EventTopology.QueuesOf(Function($"f-{number}"), payloadBytes: 100, Short))
            .Select(pair => (First: pair.First.Value, Second: pair.Second.Value)).ToList();
        Assert.All(pairs, pair => Assert.NotEqual(pair.First, pair.Second));
        Assert.Equal(16, pairs.SelectMany(pair => new[] { pair.First, pair.Second }).Distinct().Count());
        Assert.True(pairs.Distinct().Count() > 200, "240 pairs are possible");
        Assert.Equal(pairs[7], Names("f-7"));
    }

    [Fact]
    public void Long_runs_and_large_payloads_have_queues_of_their_own()
    {
        Assert.StartsWith("fnq-events-long-", EventTopology.QueuesOf(Function("f"), 100, TimeSpan.FromSeconds(61)).First.Value);
        Assert.StartsWith("fnq-events-large-", EventTopology.QueuesOf(Function("f"), 65_537, TimeSpan.FromSeconds(61)).First.Value);
        Assert.True(EventTopology.QueuesOf(Function("f"), 65_537, Short).First.Prefetch < EventTopology.QueuesOf(Function("f"), 65_536, Short).First.Prefetch);
    }

    [Theory]
    [InlineData(0.5, "fnq.delay.1")]
    [InlineData(1, "fnq.delay.1")]
    [InlineData(5, "fnq.delay.8")]
    [InlineData(60, "fnq.delay.60")]
    [InlineData(120, "fnq.delay.120")]
    [InlineData(900, "fnq.delay.300")]
    public void A_delay_is_never_shorter_than_asked_for_unless_it_is_the_longest(double seconds, string exchange) =>
        Assert.Equal(exchange, EventTopology.DelayExchange(TimeSpan.FromSeconds(seconds)));

    private static (string, string) Names(string name)
    {
        var (first, second) = EventTopology.QueuesOf(Function(name), 100, Short);
        return (first.Value, second.Value);
    }

    private static FunctionKey Function(string name) => new("123456789012", "us-east-1", name);
}
