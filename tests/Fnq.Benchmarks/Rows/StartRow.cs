using Fnq.Benchmarks.Cluster;
using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Rows;

/// <summary>P17: <c>./fnq up -d</c> in a new data folder on a machine where packages, binaries and runtimes are there.</summary>
internal sealed class StartRow(BenchSettings settings) : IRow
{
    private static readonly string[] OfTheInstance =
    [
        "FNQ_AMQP_URL", "FNQ_PLATFORM_AMQP_URL", "FNQ_POSTGRES_URL", "FNQ_ACCESS_KEY_ID", "FNQ_SECRET_ACCESS_KEY", "FNQ_ROOT",
    ];

    public string Id => "P17";

    public string Title => "./fnq up -d on a prepared machine";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        var folder = Path.Combine(settings.DataFolder, $"bench-up-{Environment.ProcessId}");
        var environment = OfTheInstance.ToDictionary(name => name, _ => (string?)null);
        environment["FNQ_DATA"] = folder;
        environment["FNQ_PORT"] = $"{ServerProcess.FreePort()}";
        environment["FNQ_RUNTIMES"] = settings.RuntimesFolder;
        try
        {
            var first = await UpAsync(environment, cancellationToken);
            _ = (await RunAsync(environment, cancellationToken, "down")).Checked;
            var second = await UpAsync(environment, cancellationToken);
            return
            [
                new Figure("P17", first, "s", Note: "new data folder: initdb and migrations included"),
                new Figure("P17.again", second, "s", Note: "after ./fnq down"),
            ];
        }
        finally
        {
            await RunAsync(environment, CancellationToken.None, "down");
            DataFolders.Delete(folder);
        }
    }

    private async Task<double> UpAsync(Dictionary<string, string?> environment, CancellationToken cancellationToken)
    {
        var begun = TimeProvider.System.GetTimestamp();
        _ = (await RunAsync(environment, cancellationToken, "up", "-d")).Checked;
        return TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
    }

    private Task<ShellResult> RunAsync(Dictionary<string, string?> environment, CancellationToken cancellationToken, params string[] arguments) =>
        Shell.RunAsync(Path.Combine(settings.RepositoryFolder, "fnq"), arguments, environment, TimeSpan.FromMinutes(3), cancellationToken);
}
