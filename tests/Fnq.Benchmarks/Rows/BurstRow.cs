using Fnq.Benchmarks.Cluster;
using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Rows;

/// <summary>P6 and P7: many requests at the same moment for a function that has no environment yet.</summary>
internal sealed class BurstRow(string id, SampleFunction function, int requests, int serverPid, FnqClient client) : IRow
{
    public string Id => id;

    public string Title => $"{requests} at once on a cold function";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        await using var functions = new DeployedFunctions(client);
        var name = await functions.AddAsync(Samples.Distinct(function, requests), cancellationToken);
        var before = SandboxProcesses.Environments(serverPid);
        var bodies = Enumerable.Range(0, requests).Select(number => SignedRequests.Body(number, 256)).ToArray();
        var begun = TimeProvider.System.GetTimestamp();
        var errors = await Task.WhenAll(bodies.Select(body => Task.Run(() => TryAsync(name, body, cancellationToken), cancellationToken)));
        var seconds = TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        var environments = SandboxProcesses.Environments(serverPid) - before;
        var failures = errors.OfType<string>().ToList();
        var note = failures.Count == 0 ? $"all succeeded, {environments} environments" : $"{failures.Count} FAILED, such as {failures[0]}";
        return
        [
            new Figure($"{id}.succeeded", requests - failures.Count, $"of {requests}", Note: note),
            new Figure($"{id}.seconds", seconds, "s"),
            new Figure($"{id}.environments", environments, ""),
        ];
    }

    /// <summary>Null when it echoed, otherwise what went wrong.</summary>
    private async Task<string?> TryAsync(string name, byte[] body, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await client.InvokeAsync(name, body, cancellationToken);
            return answer.AsSpan().SequenceEqual(body) ? null : "a wrong answer";
        }
        catch (Exception error) when (error is InvalidOperationException or HttpRequestException or TaskCanceledException or IOException)
        {
            return error.Message;
        }
    }
}
