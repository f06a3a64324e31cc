using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Cluster;

/// <summary>
/// A broker and a database of the bench's own, for rows that need processes or tables beside the instance's: started by
/// the first that asks, stopped with the bench.
/// </summary>
internal sealed class PrivateServers(BenchSettings settings) : IAsyncDisposable
{
    private readonly string _folder = Path.Combine(settings.DataFolder, $"bench-{Environment.ProcessId}");
    private IReadOnlyDictionary<string, string>? _urls;

    public string PlatformAmqpUrl => Url("FNQ_TEST_PLATFORM_AMQP_URL");

    public string PostgresUrl => Url("FNQ_TEST_POSTGRES_URL");

    public async Task EnsureAsync(CancellationToken cancellationToken)
    {
        if (_urls is null)
        {
            _ = (await ScriptAsync("start", cancellationToken)).Checked;
            _urls = (await ScriptAsync("env", cancellationToken)).Checked.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        }
    }

    /// <summary>A process of Fnq with these roles, ready to be asked.</summary>
    public Task<ServerProcess> ServeAsync(string roles, CancellationToken cancellationToken) => ServerProcess.StartAsync(
        settings,
        roles,
        Path.Combine(_folder, $"serve-{Guid.NewGuid():N}"[..14]),
        new Dictionary<string, string?>
        {
            ["FNQ_AMQP_URL"] = Url("FNQ_TEST_AMQP_URL"),
            ["FNQ_PLATFORM_AMQP_URL"] = PlatformAmqpUrl,
            ["FNQ_POSTGRES_URL"] = PostgresUrl,
        },
        cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (!Directory.Exists(_folder))
        {
            return;
        }

        await ScriptAsync("stop", CancellationToken.None);
        DataFolders.Delete(_folder);
    }

    private string Url(string name) => (_urls ?? throw new InvalidOperationException("The private servers have not been started"))[name];

    private Task<ShellResult> ScriptAsync(string verb, CancellationToken cancellationToken) => Shell.RunAsync(
        "bash", [Path.Combine(settings.RepositoryFolder, "scripts", "servers.sh"), verb, _folder], cancellationToken: cancellationToken);
}

internal static class DataFolders
{
    /// <summary>With what the start script may have put elsewhere, when the servers' users cannot reach the folder.</summary>
    public static void Delete(string folder)
    {
        foreach (var name in new[] { "postgres", "rabbitmq" })
        {
            var link = new DirectoryInfo(Path.Combine(folder, name));
            if (link.LinkTarget is not null && link.ResolveLinkTarget(returnFinalTarget: true) is DirectoryInfo { Parent: { Exists: true } place })
            {
                place.Delete(recursive: true);
            }
        }

        Directory.Delete(folder, recursive: true);
    }
}
