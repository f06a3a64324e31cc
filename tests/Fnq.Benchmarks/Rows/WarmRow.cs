using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Rows;

/// <summary>P1: warm synchronous invocations of 64 clients, single process; other runtimes, sizes and client counts beside it.</summary>
internal sealed class WarmRow(BenchSettings settings, FnqClient client) : IRow
{
    public string Id => "P1";

    public string Title => "warm sync, 64 clients";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        var load = new WarmLoad(settings, client);
        return
        [
            .. await load.ManyAsync("P1", Samples.NodeEcho, settings.Rounds, settings.Window, cancellationToken),
            .. await load.ManyAsync("P1.python", Samples.PythonEcho, 1, settings.Window / 2, cancellationToken),
            .. await load.ManyAsync("P1.128mb", Samples.NodeEcho with { MemoryMb = 128 }, 1, settings.Window / 2, cancellationToken),
            .. await load.ManyAsync("P1.16clients", Samples.NodeEcho, 1, settings.Window / 2, cancellationToken, connections: 16),
        ];
    }
}

/// <summary>P2: warm synchronous invocations of one client.</summary>
internal sealed class SingleClientRow(BenchSettings settings, FnqClient client) : IRow
{
    public string Id => "P2";

    public string Title => "warm sync, 1 client";

    public Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken) =>
        new WarmLoad(settings, client).OneAsync("P2", Samples.NodeEcho, settings.Window, cancellationToken);
}

/// <summary>Interleaves the yardstick with a warm function's load.</summary>
internal sealed class WarmLoad(BenchSettings settings, FnqClient client)
{
    private const int VerifiedSamples = 20;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(4);

    public async Task<IReadOnlyList<Figure>> ManyAsync(
        string id, SampleFunction function, int rounds, TimeSpan window, CancellationToken cancellationToken, int connections = 64)
    {
        await using var functions = new DeployedFunctions(client);
        var name = await functions.AddAsync(function, cancellationToken);
        await client.VerifyEchoAsync(name, VerifiedSamples, cancellationToken);
        await RunAsync(name, connections, WarmUp, cancellationToken);
        List<(Figure Throughput, WrkResult Load)> measured = [];
        for (var round = 0; round < rounds; round++)
        {
            var yardstick = await YardstickRow.ManyAsync(settings.PlatformAmqpUrl, window / 2, cancellationToken);
            var load = await RunAsync(name, connections, window, cancellationToken);
            measured.Add((new Figure(id, load.PerSecond, "req/s", yardstick.PerSecond), load));
        }

        await client.VerifyEchoAsync(name, VerifiedSamples, cancellationToken);
        var median = Figure.Median(measured.Select(pair => pair.Throughput));
        var at = measured.First(pair => pair.Throughput == median).Load;
        return [median with { Note = $"{function.Runtime}, {function.MemoryMb} MB; p50 {at.P50Milliseconds:0.0} ms, p99 {at.P99Milliseconds:0.0} ms" }];
    }

    public async Task<IReadOnlyList<Figure>> OneAsync(string id, SampleFunction function, TimeSpan window, CancellationToken cancellationToken)
    {
        await using var functions = new DeployedFunctions(client);
        var name = await functions.AddAsync(function, cancellationToken);
        await client.VerifyEchoAsync(name, VerifiedSamples, cancellationToken);
        await RunAsync(name, 1, WarmUp, cancellationToken);
        var (p50, p99, rate) = (new List<Figure>(), new List<Figure>(), new List<Figure>());
        for (var round = 0; round < settings.Rounds; round++)
        {
            var yardstick = await YardstickRow.OneAsync(settings.PlatformAmqpUrl, window / 2, cancellationToken);
            var load = await RunAsync(name, 1, window, cancellationToken);
            p50.Add(new Figure($"{id}.p50", load.P50Milliseconds, "ms", yardstick.P50Milliseconds));
            p99.Add(new Figure($"{id}.p99", load.P99Milliseconds, "ms"));
            rate.Add(new Figure($"{id}.rate", load.PerSecond, "req/s", yardstick.PerSecond));
        }

        await client.VerifyEchoAsync(name, VerifiedSamples, cancellationToken);
        return [Figure.Median(p50), Figure.Median(p99), Figure.Median(rate)];
    }

    private Task<WrkResult> RunAsync(string name, int connections, TimeSpan window, CancellationToken cancellationToken) => Wrk.RunAsync(
        client.Endpoint.Address, SignedRequests.Invoke(client.Endpoint, [name]), connections, window, cancellationToken);
}
