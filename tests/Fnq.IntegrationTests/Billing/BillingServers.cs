using EvolveDb;
using Fnq.Billing;
using Fnq.Contracts;
using Fnq.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client;
using Xunit;

namespace Fnq.IntegrationTests.Billing;

/// <summary>A test's own queues and schema on the real servers that the run was given, and the parts of billing on top.</summary>
internal sealed class BillingServers : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly string _postgresUrl;

    /// <summary>With its password, which a data source does not give back.</summary>
    private readonly string _connectionString;

    private BillingServers(string amqpUrl, string postgresUrl)
    {
        _postgresUrl = postgresUrl;
        Options = new BillingOptions
        {
            DataFolder = Directory.CreateTempSubdirectory("fnq-billing-").FullName,
            PlatformAmqpUrl = amqpUrl,
            QueueName = Name + ".records",
            AdoptionInterval = TimeSpan.FromMilliseconds(200),
        };
        var separator = postgresUrl.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        _connectionString = PostgresUrl.ToConnectionString($"{postgresUrl}{separator}search_path={Name}");
        Source = NpgsqlDataSource.Create(_connectionString);
    }

    /// <summary>The schema, the queues' prefix, and the application name of the nodes' database sessions.</summary>
    public string Name { get; } = "t" + Guid.CreateVersion7().ToString("N");

    public BillingOptions Options { get; }

    /// <summary>The test's own eyes; nodes have sessions of their own.</summary>
    public NpgsqlDataSource Source { get; }

    public static async Task<BillingServers> StartAsync()
    {
        var amqp = Environment.GetEnvironmentVariable("FNQ_TEST_AMQP_URL");
        var postgres = Environment.GetEnvironmentVariable("FNQ_TEST_POSTGRES_URL");
        Assert.SkipWhen(amqp is null || postgres is null, "FNQ_TEST_AMQP_URL and FNQ_TEST_POSTGRES_URL are not set");
        var servers = new BillingServers(amqp!, postgres!);
        await servers.ExecuteOutsideAsync($"create schema {servers.Name}");
        servers.Migrate();
        return servers;
    }

    /// <summary>A process of its own as far as billing is concerned; disposal is its clean stop.</summary>
    public async Task<BillingNode> StartNodeAsync(bool journal, bool recorder, BillingOptions? options = null)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(_ => NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(_connectionString) { ApplicationName = Name }.ConnectionString));
        if (journal)
        {
            new JournalModule(options ?? Options).Register(builder.Services);
        }

        if (recorder)
        {
            new RecorderModule(options ?? Options).Register(builder.Services);
        }

        var host = builder.Build();
        await host.StartAsync();
        return new BillingNode(host);
    }

    public static InvocationRecord Record(string function = "hello", long billedMilliseconds = 10) => new()
    {
        RunId = RunId.New(TimeProvider.System),
        RequestId = Guid.NewGuid(),
        Function = new FunctionKey("123456789012", "us-east-1", function),
        Version = "$LATEST",
        Deployment = new DeploymentId("d-" + function),
        Architecture = "x86_64",
        Trigger = "api",
        Attempt = 1,
        Delivery = 1,
        MemorySizeMb = 256,
        EphemeralStorageMb = 512,
        BilledMilliseconds = billedMilliseconds,
        DurationMilliseconds = billedMilliseconds - 0.5,
        InitMilliseconds = 0,
        PeakMemoryMb = 40,
        Outcome = RunOutcome.Succeeded,
        Worker = new NodeId("node-1"),
        Environment = "env-1",
        StartedAt = TimeProvider.System.GetUtcNow(),
    };

    public async Task<long> ScalarAsync(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        return Convert.ToInt64(await command.ExecuteScalarAsync());
    }

    public Task<long> RowsAsync() => ScalarAsync("select count(*) from invocation_records");

    public async Task WaitForRowsAsync(long expected)
    {
        await UntilAsync(async () => await RowsAsync() >= expected, async () => $"{await RowsAsync()} of {expected} rows");
        Assert.Equal(expected, await RowsAsync());
    }

    public static async Task UntilAsync(Func<Task<bool>> condition, Func<Task<string>> state)
    {
        using var limit = new CancellationTokenSource(Deadline);
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            try
            {
                await look.WaitForNextTickAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"still {await state()} after {Deadline}");
            }
        }
    }

    public async Task<uint> MessagesAsync(string queue)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(Options.PlatformAmqpUrl) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        return await channel.MessageCountAsync(queue);
    }

    public async Task WithChannelAsync(Func<IChannel, Task> action)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(Options.PlatformAmqpUrl) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await action(channel);
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await ExecuteOutsideAsync($"drop schema {Name} cascade");
        await WithChannelAsync(async channel =>
        {
            await channel.QueueDeleteAsync(Options.QueueName);
            await channel.QueueDeleteAsync(Options.DeadQueueName);
        });
        Directory.Delete(Options.DataFolder, recursive: true);
    }

    private void Migrate()
    {
        using var connection = Source.OpenConnection();
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Fnq.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("no repository above the test binary");
        }

        // Only billing's own migration: these tests do not depend on the other features' tables.
        new Evolve(connection) { Locations = [Path.Combine(folder, "migrations")], Schemas = [Name], StartVersion = new("0003"), TargetVersion = new("0003") }.Migrate();
    }

    private async Task ExecuteOutsideAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(_postgresUrl));
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}

internal sealed class BillingNode(IHost host) : IAsyncDisposable
{
    private bool _stopped;

    public RunJournal Journal => host.Services.GetRequiredService<RunJournal>();

    public async ValueTask DisposeAsync()
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        await host.StopAsync();
        host.Dispose();
    }
}
