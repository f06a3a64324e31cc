using Fnq.Benchmarks.Cluster;
using Fnq.Benchmarks.Load;
using Fnq.Benchmarks.Rows;

namespace Fnq.Benchmarks;

/// <summary>All rows, and what they share.</summary>
internal sealed class Bench(BenchSettings settings) : IAsyncDisposable
{
    private readonly FnqClient _client = new(settings.Endpoint);
    private readonly PrivateServers _servers = new(settings);

    public IReadOnlyList<IRow> Rows(IReadOnlyList<string> only)
    {
        List<IRow> all =
        [
            new WarmRow(settings, _client),
            new SingleClientRow(settings, _client),
            new LaneRow(settings, _servers),
            new ColdRow("P4", Samples.PythonEcho, _client),
            new ColdRow("P5", Samples.NodeEcho, _client),
            new BurstRow("P6", Samples.NodeSleeper, 200, settings.ServerPid, _client),
            new BurstRow("P7", Samples.NodeEcho, 5_000, settings.ServerPid, _client),
            new EventRow(settings, _servers),
            new RecorderRow(settings, _servers),
            new MemoryRow(settings, _servers),
            new EnvironmentMemoryRow(_servers),
            new IdleCpuRow(_servers),
            new GrowthRow(settings, _client),
            new StartRow(settings),
        ];
        var unknown = only.Except(all.Select(row => row.Id)).ToList();
        return unknown.Count == 0
            ? [.. all.Where(row => only.Count == 0 || only.Contains(row.Id))]
            : throw new BenchException($"no such row: {string.Join(", ", unknown)}. There are {string.Join(", ", all.Select(row => row.Id))}.");
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _servers.DisposeAsync();
    }
}
