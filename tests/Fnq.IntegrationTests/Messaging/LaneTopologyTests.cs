using Fnq.Amqp;
using Fnq.Contracts;
using Fnq.IntegrationTests.Cluster;
using Fnq.Invocations;
using Xunit;

namespace Fnq.IntegrationTests.Messaging;

/// <summary>Workers come into a lane and leave it while requests are sent to it: none may get lost on the way.</summary>
public sealed class LaneTopologyTests(ServersFixture servers) : IClassFixture<ServersFixture>
{
    private const int Rounds = 150;

    [Fact]
    public async Task No_request_is_lost_while_workers_come_and_leave()
    {
        var deployment = new DeploymentId($"d-{Guid.NewGuid():N}");
        await using var connection = await AmqpConnection.ConnectAsync(
            AmqpAddress.Parse(servers.Servers.PlatformAmqpUrl), "test", TimeProvider.System, TestContext.Current.CancellationToken);
        await using var sending = await connection.OpenChannelAsync(confirms: true);
        await LaneTopology.DeclareAsync(sending);
        var (sent, taken) = (0, 0);
        using var over = new CancellationTokenSource();
        var caller = Task.Run(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                await sending.PublishConfirmedAsync(
                    LaneTopology.InvokeExchange, deployment.Value, new AmqpProperties { Type = LaneTopology.Kind.Invoke }, default, mandatory: true);
                sent++;
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 3).Select(
            _ => Task.Run(() => ComeAndLeaveAsync(connection, deployment, () => Interlocked.Increment(ref taken)))));
        await over.CancelAsync();
        await caller;

        await LaneRescue.RescueAsync(sending, deployment);
        while (await sending.GetAsync(LaneTopology.ColdQueue) is { } message)
        {
            await sending.AckAsync(message.DeliveryTag);
            taken++;
        }

        Assert.InRange(sent, Rounds, int.MaxValue);
        Assert.Equal(sent, taken);
    }

    private static async Task ComeAndLeaveAsync(AmqpConnection connection, DeploymentId deployment, Action taken)
    {
        for (var round = 0; round < Rounds; round++)
        {
            await using var channel = await connection.OpenChannelAsync();
            await LaneTopology.DeclareLaneAsync(channel, deployment);
            var tag = await channel.ConsumeAsync(LaneTopology.LaneOf(deployment), _ => taken(), autoAck: true);
            await LaneTopology.BindLaneAsync(channel, deployment);
            await channel.CancelAsync(tag);
            await LaneTopology.UnbindLaneIfUnusedAsync(channel, deployment);
        }
    }
}
