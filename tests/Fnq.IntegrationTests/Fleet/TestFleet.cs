using Fnq.IntegrationTests.Cluster;
using Fnq.Storage;
using Npgsql;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>Several `fnq serve` processes around one broker and one database of their own.</summary>
internal sealed class TestFleet : IAsyncDisposable
{
    public const string KeyId = "AKIAFLEETTESTS000001";
    public const string Secret = "fleet-tests-secret-of-this-run-only-0001";

    private readonly string _folder;
    private readonly List<FnqProcess> _processes = [];

    private TestFleet(string folder, TestServers servers)
    {
        (_folder, Servers) = (folder, servers);
        Records = new RecordTable(NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(servers.PostgresUrl)));
    }

    public TestServers Servers { get; }

    public RecordTable Records { get; }

    public static async Task<TestFleet> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("fnq-fleet-").FullName;
        return new TestFleet(folder, await TestServers.StartAsync(Path.Combine(folder, "servers")));
    }

    public string FileOf(string name) => Path.Combine(_folder, name);

    /// <summary>Starts a process in a data folder of its own: the same name again is its restart.</summary>
    public async Task<FnqProcess> ServeAsync(string name, string roles, params (string Name, string Value)[] settings)
    {
        var environment = Environment();
        foreach (var (setting, value) in settings)
        {
            environment[setting] = value;
        }

        var process = await FnqProcess.StartAsync(roles, FileOf(name), environment);
        _processes.Add(process);
        return process;
    }

    public static FunctionClient ClientOf(FnqProcess api) => new(api.Address, KeyId, Secret);

    /// <summary>A verb of the same program, against this fleet.</summary>
    public Task<ShellResult> RunAsync(params string[] arguments) =>
        Shell.RunAsync("dotnet", [Repository.ServerDll, .. arguments], Environment());

    /// <summary>Invocations that workers have taken and not yet finished with.</summary>
    public async Task<int> UnackedAsync()
    {
        var lines = await Servers.RabbitMqCtlAsync("--quiet", "list_queues", "-p", "fnq", "name", "messages_unacknowledged", "--no-table-headers");
        return lines.Split('\n').Select(line => line.Split('\t'))
            .Where(row => row is [var name, _] && (name.StartsWith("fnq.lane.", StringComparison.Ordinal) || name == "fnq.cold"))
            .Sum(row => int.Parse(row[1]));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        await Records.DisposeAsync();
        await Servers.DisposeAsync();
        if (System.Environment.GetEnvironmentVariable("FNQ_TEST_KEEP") is { Length: > 0 })
        {
            TestContext.Current.SendDiagnosticMessage("Logs and data are kept in {0}", _folder);
            return;
        }

        Directory.Delete(_folder, recursive: true);
    }

    private Dictionary<string, string?> Environment() => new()
    {
        ["FNQ_AMQP_URL"] = Servers.AmqpUrl,
        ["FNQ_PLATFORM_AMQP_URL"] = Servers.PlatformAmqpUrl,
        ["FNQ_POSTGRES_URL"] = Servers.PostgresUrl,
        ["FNQ_ACCESS_KEY_ID"] = KeyId,
        ["FNQ_SECRET_ACCESS_KEY"] = Secret,
    };
}
