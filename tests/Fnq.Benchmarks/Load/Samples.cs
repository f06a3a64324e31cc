namespace Fnq.Benchmarks.Load;

/// <summary>The functions that are measured.</summary>
internal static class Samples
{
    public static SampleFunction NodeEcho { get; } =
        new("nodejs20.x", "index.handler", "index.mjs", "export const handler = async event => event;\n");

    public static SampleFunction PythonEcho { get; } =
        new("python3.13", "main.handler", "main.py", "def handler(event, context):\n    return event\n");

    public static SampleFunction NodeSleeper { get; } = NodeEcho with
    {
        Source = "export const handler = async event => { await new Promise(end => setTimeout(end, 100)); return event; };\n",
    };

    /// <summary>The same function with code of its own, so that nothing made for another serves it.</summary>
    public static SampleFunction Distinct(SampleFunction function, int number)
    {
        var comment = function.Runtime.StartsWith("python", StringComparison.Ordinal) ? "#" : "//";
        return function with { Source = $"{function.Source}{comment} {number} {Guid.NewGuid()}\n" };
    }
}

/// <summary>Functions of one row, deleted with it.</summary>
internal sealed class DeployedFunctions(FnqClient client) : IAsyncDisposable
{
    private readonly List<string> _names = [];

    public IReadOnlyList<string> Names => _names;

    public async Task<string> AddAsync(SampleFunction function, CancellationToken cancellationToken)
    {
        var name = $"bench-{Guid.NewGuid():N}"[..22];
        _names.Add(name);
        await client.CreateAsync(name, function, cancellationToken);
        return name;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _names)
        {
            await client.DeleteAsync(name);
        }
    }
}
