using Fnq.Benchmarks.Cluster;
using Fnq.Benchmarks.Load;
using Fnq.Billing;
using Fnq.Contracts;
using Fnq.Messaging;
using Fnq.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Fnq.Benchmarks.Rows;

/// <summary>P12: the recorder from queue to commit, against a plain binary COPY of the same rows into the same indexed partition.</summary>
internal sealed class RecorderRow(BenchSettings settings, PrivateServers servers) : IRow
{
    private const int Rows = 60_000;

    public string Id => "P12";

    public string Title => "recorder, rows from the queue to the database";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        await servers.EnsureAsync(cancellationToken);
        var schema = $"bench_{Guid.NewGuid():N}"[..16];
        await ExecuteAsync(servers.PostgresUrl, $"create schema {schema}", cancellationToken);
        var url = $"{servers.PostgresUrl}?search_path={schema}";
        await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(url));
        new Migrator(source, new MigrationsFolder(Path.Combine(settings.RepositoryFolder, "migrations")), NullLogger<Migrator>.Instance).Apply();
        using var folder = new TemporaryFolder();
        var options = new BillingOptions { DataFolder = folder.Path, PlatformAmqpUrl = servers.PlatformAmqpUrl, QueueName = $"{schema}.records" };
        try
        {
            var rounds = new List<Figure>();
            for (var round = 0; round < settings.Rounds; round++)
            {
                var copied = await CopyAsync(source, options, cancellationToken);
                rounds.Add(new Figure("P12", await RecordAsync(source, options, cancellationToken), "rows/s", copied));
            }

            return [Figure.Median(rounds) with { Note = $"{Rows:#,0} rows a round" }];
        }
        finally
        {
            await DeleteQueuesAsync(options);
            await ExecuteAsync(servers.PostgresUrl, $"drop schema {schema} cascade", CancellationToken.None);
        }
    }

    private static async Task<double> CopyAsync(NpgsqlDataSource source, BillingOptions options, CancellationToken cancellationToken)
    {
        var store = new RecordStore(source, options);
        // Provides the partition, which is not part of the comparison.
        await store.WriteAsync(Make(1), cancellationToken);
        var rows = Make(Rows);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        var begun = TimeProvider.System.GetTimestamp();
        await store.CopyAsync(connection, rows, cancellationToken);
        return Rows / TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
    }

    private static async Task<double> RecordAsync(NpgsqlDataSource source, BillingOptions options, CancellationToken cancellationToken)
    {
        await PublishAsync(options, cancellationToken);
        var before = await CountAsync(source, cancellationToken);
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(source);
        new RecorderModule(options).Register(builder.Services);
        using var host = builder.Build();
        var begun = TimeProvider.System.GetTimestamp();
        await host.StartAsync(cancellationToken);
        await Until.TrueAsync(
            async token => await CountAsync(source, token) >= before + Rows, "all records are in the database", TimeSpan.FromMinutes(1), cancellationToken);
        var rate = Rows / TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        await host.StopAsync(cancellationToken);
        return rate;
    }

    /// <summary>As the publisher does: bodies of whole frames, up to its batch size.</summary>
    private static async Task PublishAsync(BillingOptions options, CancellationToken cancellationToken)
    {
        var queue = new RecordQueue(options);
        await using var connection = await queue.ConnectAsync("fnq bench records", cancellationToken);
        await using var channel = await BrokerConnection.OpenConfirmedAsync(connection, cancellationToken);
        await queue.DeclareAsync(connection, channel, cancellationToken);
        var body = new byte[BillingLimits.BatchBytes];
        var (length, records) = (0, 0);
        foreach (var row in Make(Rows))
        {
            length += RecordFrame.Write(row.Record, body.AsSpan(length));
            if (++records == BillingLimits.BatchRecords || body.Length - length < BillingLimits.FrameBytes)
            {
                await queue.PublishAsync(channel, options.QueueName, body.AsMemory(0, length), cancellationToken);
                (length, records) = (0, 0);
            }
        }

        if (length > 0)
        {
            await queue.PublishAsync(channel, options.QueueName, body.AsMemory(0, length), cancellationToken);
        }
    }

    private static async Task DeleteQueuesAsync(BillingOptions options)
    {
        await using var connection = await new RecordQueue(options).ConnectAsync("fnq bench records", CancellationToken.None);
        await using var channel = await RecordQueue.OpenAsync(connection, CancellationToken.None);
        await channel.QueueDeleteAsync(options.QueueName, ifUnused: false, ifEmpty: false, noWait: false, CancellationToken.None);
        await channel.QueueDeleteAsync(options.DeadQueueName, ifUnused: false, ifEmpty: false, noWait: false, CancellationToken.None);
    }

    private static List<RecordRow> Make(int count)
    {
        var time = TimeProvider.System;
        var day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        return [.. Enumerable.Range(0, count).Select(number => new RecordRow(day, Record(time, number)))];
    }

    private static InvocationRecord Record(TimeProvider time, int number) => new()
    {
        RunId = RunId.New(time),
        RequestId = Guid.NewGuid(),
        Function = new FunctionKey("123456789012", "us-east-1", $"function-{number % 50}"),
        Version = "$LATEST",
        Deployment = new DeploymentId($"deployment-{number % 50}"),
        Architecture = "x86_64",
        Trigger = "api",
        Attempt = 1,
        Delivery = 1,
        MemorySizeMb = 1_769,
        EphemeralStorageMb = 512,
        BilledMilliseconds = 2,
        DurationMilliseconds = 1.23,
        InitMilliseconds = 0,
        PeakMemoryMb = 40,
        Outcome = RunOutcome.Succeeded,
        Worker = new NodeId("bench"),
        Environment = Guid.NewGuid().ToString("N"),
        StartedAt = time.GetUtcNow(),
    };

    private static async Task<long> CountAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand("select count(*) from invocation_records");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task ExecuteAsync(string url, string sql, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(url));
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
