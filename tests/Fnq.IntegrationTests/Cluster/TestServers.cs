using Fnq.IntegrationTests.Containers;
using Xunit;

namespace Fnq.IntegrationTests.Cluster;

/// <summary>
/// A RabbitMQ and a Postgres for one test class: containers with FNQ_TEST_SERVERS=containers, otherwise private local
/// servers from the Debian packages, in a folder and on ports of their own, so that tests may kill them.
/// </summary>
internal sealed class TestServers : IAsyncDisposable
{
    private readonly string _folder;
    private readonly ServerContainers? _containers;

    private TestServers(string folder, ServerContainers? containers = null) => (_folder, _containers) = (folder, containers);

    public static bool AreContainersAsked => Environment.GetEnvironmentVariable("FNQ_TEST_SERVERS") == "containers";

    public required string AmqpUrl { get; init; }

    public required string PlatformAmqpUrl { get; init; }

    public required string PostgresUrl { get; init; }

    public static async Task<TestServers> StartAsync(string folder)
    {
        if (AreContainersAsked)
        {
            return Of(await ServerContainers.StartAsync(rabbitMqLine: 4), folder);
        }

        _ = (await ScriptAsync("start", folder)).Checked;
        var environment = (await ScriptAsync("env", folder)).Checked
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        TestContext.Current.SendDiagnosticMessage("Private local servers in {0}", folder);
        return new TestServers(folder)
        {
            AmqpUrl = environment["FNQ_TEST_AMQP_URL"],
            PlatformAmqpUrl = environment["FNQ_TEST_PLATFORM_AMQP_URL"],
            PostgresUrl = environment["FNQ_TEST_POSTGRES_URL"],
        };
    }

    public int BrokerPid => PidOf("rabbitmq");

    public int PostgresPid => PidOf("postgres");

    /// <summary>Starts again whatever was killed; data and ports stay.</summary>
    public async Task MendAsync() => _ = (await ScriptAsync("start", _folder)).Checked;

    public async Task<string> RabbitMqCtlAsync(params string[] arguments) => (await ScriptAsync("rabbitmqctl", _folder, arguments)).Checked;

    /// <summary>When the broker noticed that a connection of this name was gone, by its own log.</summary>
    public async Task<DateTimeOffset> LostConnectionAsync(string name, DateTimeOffset after)
    {
        DateTimeOffset? noticed = null;
        await Until.TrueAsync(
            () =>
            {
                foreach (var line in File.ReadLines(Path.Combine(_folder, "log", "rabbitmq.log")))
                {
                    if (line.Contains("closing AMQP connection", StringComparison.Ordinal) && line.Contains($" - {name},", StringComparison.Ordinal)
                        && DateTimeOffset.TryParse(line[..32], out var at) && at >= after)
                    {
                        noticed = at;
                    }
                }

                return noticed is not null;
            },
            $"the broker notices the loss of {name}");
        return noticed!.Value;
    }

    public async ValueTask DisposeAsync()
    {
        if (_containers is not null)
        {
            await _containers.DisposeAsync();
        }
        else
        {
            _ = await ScriptAsync("stop", _folder);
        }
    }

    private static TestServers Of(ServerContainers containers, string folder)
    {
        // Tests lay files beside the servers' own.
        _ = Directory.CreateDirectory(folder);
        TestContext.Current.SendDiagnosticMessage("RabbitMQ and Postgres as containers");
        return new TestServers(folder, containers)
        {
            AmqpUrl = containers.AmqpUrl,
            PlatformAmqpUrl = containers.PlatformAmqpUrl,
            PostgresUrl = containers.PostgresUrl,
        };
    }

    private static Task<ShellResult> ScriptAsync(string verb, string folder, params string[] arguments) =>
        Shell.RunAsync("bash", [Path.Combine(Repository.Root, "scripts", "servers.sh"), verb, folder, .. arguments]);

    private int PidOf(string server)
    {
        Assert.SkipWhen(_containers is not null, "Only private local servers have a process that a test may kill");
        return int.Parse(File.ReadAllText(Path.Combine(_folder, "run", $"{server}.pid")));
    }
}
