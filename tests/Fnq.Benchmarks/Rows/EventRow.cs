using Fnq.Benchmarks.Cluster;
using Fnq.Benchmarks.Load;
using Fnq.Messaging;
using Fnq.Storage;
using Npgsql;
using RabbitMQ.Client;

namespace Fnq.Benchmarks.Rows;

/// <summary>
/// P8 and P9: events that 64 clients send to a warm function of one process that has all roles, and so runs them meanwhile. P8 is
/// what is accepted, beside raw confirmed publishing to a quorum queue; P9 is what is accepted, run, recorded and billed.
/// </summary>
internal sealed class EventRow(BenchSettings settings, PrivateServers servers) : IRow
{
    private const int Clients = 64;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public string Id => "P8";

    public string Title => "asynchronous events, accepted (P8) and accepted to billed (P9)";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        await servers.EnsureAsync(cancellationToken);
        await using var server = await servers.ServeAsync("api,worker,triggers,scheduler", cancellationToken);
        using var client = new FnqClient(server.Endpoint);
        await using var functions = new DeployedFunctions(client);
        var name = await functions.AddAsync(Samples.NodeEcho, cancellationToken);
        await client.VerifyEchoAsync(name, 20, cancellationToken);
        await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(servers.PostgresUrl));
        await RunAsync(server.Endpoint, name, source, WarmUp, cancellationToken);
        List<Figure> accepted = [], billed = [];
        for (var round = 0; round < settings.Rounds; round++)
        {
            var raw = await QuorumPublish.MeasureAsync(servers.PlatformAmqpUrl, Clients, settings.Window / 2, cancellationToken);
            var yardstick = await YardstickRow.ManyAsync(servers.PlatformAmqpUrl, settings.Window / 2, cancellationToken);
            var (perSecond, endToEnd) = await RunAsync(server.Endpoint, name, source, settings.Window, cancellationToken);
            accepted.Add(new Figure("P8", perSecond, "events/s", raw));
            billed.Add(new Figure("P9", endToEnd, "events/s", yardstick.PerSecond));
        }

        return [Figure.Median(accepted) with { Note = "while they run" }, Figure.Median(billed)];
    }

    private static async Task<(double Accepted, double Billed)> RunAsync(
        FnqEndpoint endpoint, string name, NpgsqlDataSource source, TimeSpan window, CancellationToken cancellationToken)
    {
        var before = await CountAsync(source, cancellationToken);
        var begun = TimeProvider.System.GetTimestamp();
        var sent = await Wrk.RunAsync(endpoint.Address, SignedRequests.Events(endpoint, name), Clients, window, cancellationToken);
        await Until.TrueAsync(
            async token => await CountAsync(source, token) >= before + sent.Requests, $"{sent.Requests} events are billed", Patience, cancellationToken);
        return (sent.PerSecond, sent.Requests / TimeProvider.System.GetElapsedTime(begun).TotalSeconds);
    }

    /// <summary>Events with both an outcome and a record of their run.</summary>
    private static async Task<long> CountAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            "select least((select count(*) from event_outcomes where state = 'succeeded'), (select count(*) from invocation_records))");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}

/// <summary>RabbitMQ.Client alone: 256 bytes at a time to a quorum queue, each waiting for its confirm, on one channel.</summary>
internal static class QuorumPublish
{
    private const int BodyBytes = 256;

    public static async Task<double> MeasureAsync(string amqpUrl, int inFlight, TimeSpan window, CancellationToken cancellationToken)
    {
        await using var link = new BrokerLink(amqpUrl, "fnq bench publish");
        var channel = await link.OpenAsync(cancellationToken);
        var queue = $"bench-{Guid.NewGuid():N}";
        var arguments = QuorumQueue.Arguments(await link.ServerVersionAsync(cancellationToken));
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: cancellationToken);
        try
        {
            var begun = TimeProvider.System.GetTimestamp();
            var counts = await Task.WhenAll(Enumerable.Range(0, inFlight).Select(_ => PublishAsync(channel, queue, begun, window, cancellationToken)));
            return counts.Sum() / TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        }
        finally
        {
            await channel.QueueDeleteAsync(queue, ifUnused: false, ifEmpty: false, cancellationToken: CancellationToken.None);
        }
    }

    private static async Task<int> PublishAsync(IChannel channel, string queue, long begun, TimeSpan window, CancellationToken cancellationToken)
    {
        var properties = new BasicProperties { DeliveryMode = DeliveryModes.Persistent };
        var body = new byte[BodyBytes];
        var count = 0;
        for (; TimeProvider.System.GetElapsedTime(begun) < window; count++)
        {
            await channel.BasicPublishAsync("", queue, mandatory: true, properties, body, cancellationToken);
        }

        return count;
    }
}
