using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Faults;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>
/// A single node as a user has it: one process with all roles, its broker and its database, on ports of their own.
/// One for all journeys, since it takes seconds to start.
/// </summary>
public sealed class Platform : IAsyncLifetime
{
    public const string Collection = "platform";
    internal const string AccessKeyId = "AKIDJOURNEYS";
    internal const string Secret = "journeys/secret+of+the+tests";

    /// <summary>Of this host's loopback network, the one address that webhooks may be at.</summary>
    internal const string WebhookAddress = "127.0.0.2";
    private readonly string _folder = Directory.CreateTempSubdirectory("fnq-journeys-").FullName;
    private TestServers? _servers;
    private FnqProcess? _server;
    private LambdaApi? _api;

    internal FnqProcess Server => _server!;

    internal LambdaApi Api => _api!;

    /// <summary>For tests that look at rows, or break them.</summary>
    internal string PostgresUrl => _servers!.PostgresUrl;

    /// <summary>Where users' queues are.</summary>
    internal string AmqpUrl => _servers!.AmqpUrl;

    /// <summary>Where the platform's own are.</summary>
    internal string PlatformAmqpUrl => _servers!.PlatformAmqpUrl;

    /// <summary>What no log may show: the key's secret and the passwords of the servers.</summary>
    internal IEnumerable<string> Secrets =>
        [Secret, .. new[] { _servers!.AmqpUrl, _servers.PlatformAmqpUrl, _servers.PostgresUrl }.Select(url => new Uri(url).UserInfo.Split(':')[1])];

    /// <summary>Of the shared node.</summary>
    internal string DataFolder => Path.Combine(_folder, "data");

    /// <summary>The ports of broker and database.</summary>
    internal IEnumerable<int> ServerPorts => [new Uri(_servers!.AmqpUrl).Port, new Uri(_servers.PostgresUrl).Port];

    /// <summary>Where a test may lay files.</summary>
    internal string NewFolder() => Directory.CreateDirectory(Path.Combine(_folder, Guid.NewGuid().ToString("N"))).FullName;

    internal AwsCli Cli(string folder) => new(Server.Address, AccessKeyId, Secret, folder);

    internal LambdaApi ApiOf(string region, string service = "lambda") =>
        new(Server.Address, AccessKeyId, Secret, region, troubles: () => Server.Troubles, service: service);

    public async ValueTask InitializeAsync()
    {
        // The database's own user has to reach its folder.
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        _servers = await TestServers.StartAsync(Path.Combine(_folder, "servers"));
        _server = await StartServerAsync(Path.GetFileName(DataFolder), new Dictionary<string, string?>());
        _api = ApiOf("us-east-1");
    }

    /// <summary>Another node beside the shared one, with settings of its own, on the same broker and database.</summary>
    internal Task<FnqProcess> StartServerAsync(
        string folder, IReadOnlyDictionary<string, string?> settings, string roles = "api,worker,triggers,scheduler") =>
        FnqProcess.StartAsync(roles, Path.Combine(_folder, folder), Settings(settings));

    /// <summary>A verb of the <c>fnq</c> command, run as an operator would beside the shared node.</summary>
    internal Task<ShellResult> VerbAsync(string[] arguments, IReadOnlyDictionary<string, string?>? settings = null)
    {
        var environment = Settings(settings ?? new Dictionary<string, string?>());
        environment.TryAdd("FNQ_DATA", DataFolder);
        return Shell.RunAsync("dotnet", [Repository.ServerDll, .. arguments], environment);
    }

    public async ValueTask DisposeAsync()
    {
        _api?.Dispose();
        if (_server is not null)
        {
            var pid = _server.Pid;
            await _server.DisposeAsync();

            // After all that the suites did to it.
            Assert.Empty(HostLeftovers.Of(pid));
        }

        if (_servers is not null)
        {
            await _servers.DisposeAsync();
        }

        foreach (var link in Directory.GetFileSystemEntries(Path.Combine(_folder, "servers")).Select(path => new DirectoryInfo(path)))
        {
            // Where the folder of the test is closed to it, the database lies elsewhere.
            if (link.LinkTarget is { } target && Directory.Exists(target))
            {
                Directory.Delete(Path.GetDirectoryName(target)!, recursive: true);
            }
        }

        Directory.Delete(_folder, recursive: true);
    }

    private Dictionary<string, string?> Settings(IReadOnlyDictionary<string, string?> more)
    {
        var settings = new Dictionary<string, string?>
        {
            ["FNQ_AMQP_URL"] = _servers!.AmqpUrl,
            ["FNQ_PLATFORM_AMQP_URL"] = _servers.PlatformAmqpUrl,
            ["FNQ_POSTGRES_URL"] = _servers.PostgresUrl,
            ["FNQ_ACCESS_KEY_ID"] = AccessKeyId,
            ["FNQ_SECRET_ACCESS_KEY"] = Secret,
            ["FNQ_WEBHOOK_ALLOW"] = WebhookAddress,
            ["FNQ_QUEUE_VISIBILITY_SECONDS"] = "1",
        };
        foreach (var (name, value) in more)
        {
            settings[name] = value;
        }

        return settings;
    }
}

[CollectionDefinition(Platform.Collection)]
public sealed class PlatformCollection : ICollectionFixture<Platform>;
