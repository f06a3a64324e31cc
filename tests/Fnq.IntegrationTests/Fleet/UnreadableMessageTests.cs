using Fnq.Amqp;
using Fnq.IntegrationTests.Cluster;
using Fnq.Invocations;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>Messages that are no requests come to the cold queue and to a lane: more of them than a consumer may hold.</summary>
[Collection(FleetCollection.Name)]
public sealed class UnreadableMessageTests
{
    private const int Count = 100;

    [Fact]
    public async Task What_nobody_could_run_is_rejected_and_holds_up_nothing()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers,scheduler"));
        await fleet.ServeAsync("worker", "worker");
        await using var connection = await AmqpConnection.ConnectAsync(
            AmqpAddress.Parse(fleet.Servers.PlatformAmqpUrl), "test", TimeProvider.System, TestContext.Current.CancellationToken);
        await using var channel = await connection.OpenChannelAsync(confirms: true);

        await PublishAsync(channel, LaneTopology.ColdQueue);
        await client.CreateAsync(FunctionSource.Python("f"));
        Assert.True((await client.InvokeAsync("f", new { })).IsSuccess);

        await Until.TrueAsync(async () => (await LanesAsync(fleet)).Length == 1, "the function has a lane");
        await PublishAsync(channel, (await LanesAsync(fleet))[0]);
        var answer = await client.InvokeAsync("f", new { });
        Assert.True(answer.IsSuccess, answer.ToString());
        await Until.TrueAsync(async () => await fleet.UnackedAsync() == 0, "nothing is left unacked");
        Assert.Equal(0u, (await channel.InspectQueueAsync(LaneTopology.ColdQueue)).Messages);
    }

    private static Task PublishAsync(AmqpChannel channel, string queue) => Task.WhenAll(Enumerable.Range(0, Count).Select(number =>
    {
        var properties = new AmqpProperties { Type = number % 2 == 0 ? LaneTopology.Kind.Invoke : null };
        return channel.PublishConfirmedAsync("", queue, properties, new byte[number], mandatory: true);
    }));

    private static async Task<string[]> LanesAsync(TestFleet fleet)
    {
        var queues = await fleet.Servers.RabbitMqCtlAsync("--quiet", "list_queues", "-p", "fnq", "name", "--no-table-headers");
        return [.. queues.Split('\n', StringSplitOptions.TrimEntries).Where(name => name.StartsWith("fnq.lane.", StringComparison.Ordinal))];
    }
}
