using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Testcontainers.PostgreSql;
using Testcontainers.RabbitMq;

namespace Fnq.IntegrationTests.Containers;

/// <summary>
/// RabbitMQ and Postgres as containers. The images are the public ones, or what scripts/images.sh made where no
/// registry answers and named in FNQ_RABBITMQ3_IMAGE, FNQ_RABBITMQ4_IMAGE and FNQ_POSTGRES_IMAGE.
/// </summary>
internal sealed class ServerContainers : IAsyncDisposable
{
    private readonly RabbitMqContainer _broker;
    private readonly PostgreSqlContainer _database;
    private readonly string _userPassword = Password();
    private readonly string _platformPassword = Password();

    private ServerContainers(int rabbitMqLine)
    {
        // Testcontainers logs every command that it runs, passwords included.
        _broker = new RabbitMqBuilder(Image($"FNQ_RABBITMQ{rabbitMqLine}_IMAGE", $"rabbitmq:{rabbitMqLine}"))
            .WithUsername("fnq").WithPassword(_platformPassword)
            .WithLogger(NullLogger.Instance).Build();
        _database = new PostgreSqlBuilder(Image("FNQ_POSTGRES_IMAGE", "postgres:17")).WithDatabase("fnq").WithUsername("fnq").WithPassword(Password())
            .WithLogger(NullLogger.Instance).Build();
    }

    public string AmqpUrl => BrokerUrl("fnq-users", _userPassword, "users");

    public string PlatformAmqpUrl => BrokerUrl("fnq", _platformPassword, "fnq");

    public string PostgresUrl
    {
        get
        {
            var database = new Npgsql.NpgsqlConnectionStringBuilder(_database.GetConnectionString());
            return $"postgres://{database.Username}:{database.Password}@{database.Host}:{database.Port}/{database.Database}";
        }
    }

    /// <summary>Fails with DockerUnavailableException where no engine answers.</summary>
    public static async Task<ServerContainers> StartAsync(int rabbitMqLine)
    {
        var servers = new ServerContainers(rabbitMqLine);
        try
        {
            await Task.WhenAll(servers._broker.StartAsync(), servers._database.StartAsync());
            await servers.ControlBrokerAsync("add_user", "fnq-users", servers._userPassword);
            foreach (var (host, user) in new[] { ("fnq", "fnq"), ("users", "fnq-users") })
            {
                await servers.ControlBrokerAsync("add_vhost", host);
                await servers.ControlBrokerAsync("set_permissions", "-p", host, user, ".*", ".*", ".*");
            }

            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    public async Task<string> ControlBrokerAsync(params string[] arguments)
    {
        var result = await _broker.ExecAsync(["rabbitmqctl", "--quiet", .. arguments]);
        return result.ExitCode == 0
            ? result.Stdout.Trim()
            : throw new InvalidOperationException($"rabbitmqctl {arguments[0]} ended with {result.ExitCode}: {result.Stderr}{result.Stdout}");
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _database.DisposeAsync();
    }

    private static string Image(string variable, string publicImage) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } given ? given : publicImage;

    private static string Password() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    private string BrokerUrl(string user, string password, string virtualHost) =>
        $"amqp://{user}:{password}@{_broker.Hostname}:{_broker.GetMappedPublicPort(RabbitMqBuilder.RabbitMqPort)}/{virtualHost}";
}
