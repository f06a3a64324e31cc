using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Rows;

/// <summary>P4 and P5: the first call of a function that has never run, as its client sees it.</summary>
internal sealed class ColdRow(string id, SampleFunction function, FnqClient client) : IRow
{
    private const int Samples = 24;

    public string Id => id;

    public string Title => $"cold first call, {function.Runtime}";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        await using var functions = new DeployedFunctions(client);
        for (var i = 0; i < Samples; i++)
        {
            await functions.AddAsync(Load.Samples.Distinct(function, i), cancellationToken);
        }

        // What creating them left to do must not be measured with the first of them.
        await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
        var milliseconds = new List<double>();
        foreach (var name in functions.Names)
        {
            var body = SignedRequests.Body(milliseconds.Count, 256);
            var begun = time.GetTimestamp();
            await client.InvokeAsync(name, body, cancellationToken);
            milliseconds.Add(time.GetElapsedTime(begun).TotalMilliseconds);
        }

        return
        [
            new Figure($"{id}.p50", Statistics.Median(milliseconds), "ms", Note: $"{Samples} functions, {function.MemoryMb} MB"),
            new Figure($"{id}.p95", Statistics.Percentile(milliseconds, 0.95), "ms", Note: $"worst {milliseconds.Max():0} ms"),
        ];
    }
}
