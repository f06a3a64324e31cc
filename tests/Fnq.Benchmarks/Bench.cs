using Fnq.Benchmarks.Load;
using Fnq.Benchmarks.Rows;

namespace Fnq.Benchmarks;

/// <summary>All rows, and what they share.</summary>
internal sealed class Bench(BenchSettings settings) : IAsyncDisposable
{
    private readonly FnqClient _client = new(settings.Endpoint);

    public IReadOnlyList<IRow> Rows(IReadOnlyList<string> only)
    {
        List<IRow> all =
        [
            new WarmRow(settings, _client),
            new SingleClientRow(settings, _client),
            new ColdRow("P4", Samples.PythonEcho, _client),
            new ColdRow("P5", Samples.NodeEcho, _client),
        ];
        var unknown = only.Except(all.Select(row => row.Id)).ToList();
        return unknown.Count == 0
            ? [.. all.Where(row => only.Count == 0 || only.Contains(row.Id))]
            : throw new BenchException($"no such row: {string.Join(", ", unknown)}. There are {string.Join(", ", all.Select(row => row.Id))}.");
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }
}
