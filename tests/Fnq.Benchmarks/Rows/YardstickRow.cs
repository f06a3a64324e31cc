using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Rows;

/// <summary><c>./fnq bench yardstick</c>: the yardstick alone, at 64 and at 1.</summary>
internal static class YardstickRow
{
    public const int ManyInFlight = 64;
    public const int ManyConsumers = 32;
    public const int OneConsumers = 4;

    public static Task<YardstickResult> ManyAsync(string amqpUrl, TimeSpan window, CancellationToken cancellationToken) =>
        Yardstick.MeasureAsync(amqpUrl, ManyInFlight, ManyConsumers, window, cancellationToken);

    public static Task<YardstickResult> OneAsync(string amqpUrl, TimeSpan window, CancellationToken cancellationToken) =>
        Yardstick.MeasureAsync(amqpUrl, 1, OneConsumers, window, cancellationToken);

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(BenchSettings settings, CancellationToken cancellationToken)
    {
        var many = new List<YardstickResult>();
        var one = new List<YardstickResult>();
        for (var round = 0; round < settings.Rounds; round++)
        {
            many.Add(await ManyAsync(settings.PlatformAmqpUrl, settings.Window / 2, cancellationToken));
            one.Add(await OneAsync(settings.PlatformAmqpUrl, settings.Window / 2, cancellationToken));
        }

        return
        [
            new("yardstick.64", Statistics.Median(many.Select(result => result.PerSecond)), "req/s"),
            new("yardstick.64.p50", Statistics.Median(many.Select(result => result.P50Milliseconds)), "ms"),
            new("yardstick.1", Statistics.Median(one.Select(result => result.PerSecond)), "req/s"),
            new("yardstick.1.p50", Statistics.Median(one.Select(result => result.P50Milliseconds)), "ms"),
        ];
    }
}
