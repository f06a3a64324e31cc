using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Rows;

/// <summary>P16: P1 with more functions in turn, and with larger payloads. Reported without a yardstick.</summary>
internal sealed class GrowthRow(BenchSettings settings, FnqClient client) : IRow
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);
    private static readonly int[] FunctionCounts = [1, 10, 100];
    private static readonly (int Bytes, int Distinct)[] Payloads = [(1 << 10, 500), (64 << 10, 100), (1 << 20, 20), (6_000_000, 4)];

    public string Id => "P16";

    public string Title => "growth with functions and with bytes";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        await using var functions = new DeployedFunctions(client);
        var figures = new List<Figure>();
        foreach (var count in FunctionCounts)
        {
            while (functions.Names.Count < count)
            {
                await functions.AddAsync(Samples.NodeEcho, cancellationToken);
            }

            var load = await RunAsync(functions.Names, 256, SignedRequests.Distinct, 64, cancellationToken);
            figures.Add(new Figure($"P16.functions.{count}", load.PerSecond, "req/s", Note: $"p50 {load.P50Milliseconds:0.0} ms"));
        }

        foreach (var (bytes, distinct) in Payloads)
        {
            var load = await RunAsync([functions.Names[0]], bytes, distinct, 4, cancellationToken);
            figures.Add(new Figure(
                $"P16.bytes.{bytes}", load.PerSecond, "req/s", Note: $"4 clients, {load.PerSecond * bytes / (1 << 20):0.0} MiB/s each way"));
        }

        return figures;
    }

    private async Task<WrkResult> RunAsync(
        IReadOnlyList<string> functions, int bytes, int distinct, int connections, CancellationToken cancellationToken)
    {
        await LoadAsync(WarmUp);
        return await LoadAsync(settings.Window / 2);

        Task<WrkResult> LoadAsync(TimeSpan window) => Wrk.RunAsync(
            client.Endpoint.Address, SignedRequests.Invoke(client.Endpoint, functions, bytes, distinct), connections, window, cancellationToken);
    }
}
