using Fnq.Amqp;
using Fnq.Billing;
using Fnq.Contracts;
using Fnq.IntegrationTests.Cluster;
using Fnq.Messaging;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary><c>amqps://</c>: who answers there must be known, and then all of Fnq goes by it.</summary>
[Collection(FleetCollection.Name)]
public sealed class SecureBrokerTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_broker_of_an_unknown_authority_hears_nothing_from_any_of_the_three_clients()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var secure = new SecureBroker(fleet.Servers.PlatformAmqpUrl, fleet.FileOf("authority.pem"));
        var refused = await Assert.ThrowsAnyAsync<IOException>(
            () => AmqpConnection.ConnectAsync(AmqpAddress.Parse(secure.Url), "test", TimeProvider.System, TestContext.Current.CancellationToken));
        Assert.Contains("not to be trusted", refused.Message, StringComparison.Ordinal);

        var records = new RecordQueue(new BillingOptions { DataFolder = fleet.FileOf("data"), PlatformAmqpUrl = secure.Url });
        await Assert.ThrowsAnyAsync<Exception>(() => records.ConnectAsync("test", TestContext.Current.CancellationToken));
        Assert.Equal((2, 0), secure.Connections);

        using var node = Node(secure.Url);
        using var over = new CancellationTokenSource();
        var starting = node.StartAsync(over.Token);
        await Until.TrueAsync(() => secure.Connections.Seen > 4, "the bus has tried, and again");
        Assert.Equal(0, secure.Connections.Trusted);
        Assert.False(starting.IsCompleted);
        await over.CancelAsync();
        await Task.WhenAny(starting).WaitAsync(Limit);
    }

    [Fact]
    public async Task With_a_known_authority_all_connections_are_secure()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var secure = new SecureBroker(fleet.Servers.PlatformAmqpUrl, fleet.FileOf("authority.pem"));
        await fleet.ServeAsync(
            "all", "api,triggers,worker,scheduler", ("FNQ_PLATFORM_AMQP_URL", secure.Url), ("SSL_CERT_FILE", fleet.FileOf("authority.pem")));

        // Callers, lanes, replies, the bus, records and their recorder.
        await Until.TrueAsync(() => secure.Connections.Trusted >= 6, "all have connected");
        Assert.Equal(secure.Connections.Seen, secure.Connections.Trusted);
    }

    private static IHost Node(string url)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddSingleton(typeof(NodeId), new NodeId("secure"));
        new BusModule(url, new NodeId("secure"), _ => { }).Register(builder.Services);
        return builder.Build();
    }
}
