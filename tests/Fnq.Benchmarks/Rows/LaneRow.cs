using Fnq.Benchmarks.Cluster;
using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Rows;

/// <summary>P3: the same as P1 and P2 with api and worker in processes of their own, so that every request takes its lane.</summary>
internal sealed class LaneRow(BenchSettings settings, PrivateServers servers) : IRow
{
    public string Id => "P3";

    public string Title => "warm sync through lanes, api and worker apart";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        await servers.EnsureAsync(cancellationToken);
        await using var api = await servers.ServeAsync("api,triggers,scheduler", cancellationToken);
        await using var worker = await servers.ServeAsync("worker", cancellationToken);
        using var client = new FnqClient(api.Endpoint);
        var load = new WarmLoad(settings with { PlatformAmqpUrl = servers.PlatformAmqpUrl }, client);
        return
        [
            .. await load.ManyAsync("P3", Samples.NodeEcho, Rounds, settings.Window / 2, cancellationToken),
            .. (await load.OneAsync("P3", Samples.NodeEcho, settings.Window / 2, cancellationToken)).Where(figure => figure.Unit == "ms"),
        ];
    }

    /// <summary>Six processes share the processors: one round may give half of the next, and the middle of seven says more.</summary>
    private int Rounds => (2 * settings.Rounds) + 1;
}
