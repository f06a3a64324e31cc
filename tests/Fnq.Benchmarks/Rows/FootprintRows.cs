using Fnq.Benchmarks.Cluster;
using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Rows;

/// <summary>P13: memory of a fresh platform process, idle and after the run of 64 clients.</summary>
internal sealed class MemoryRow(BenchSettings settings, PrivateServers servers) : IRow
{
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    public string Id => "P13";

    public string Title => "memory of the platform process";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        await servers.EnsureAsync(cancellationToken);
        await using var server = await servers.ServeAsync("api,worker,triggers,scheduler", cancellationToken);
        using var client = new FnqClient(server.Endpoint);
        await Task.Delay(Settling, cancellationToken);
        var idle = MachineState.ResidentMb(server.Pid);
        await using var functions = new DeployedFunctions(client);
        var name = await functions.AddAsync(Samples.NodeEcho, cancellationToken);
        await Wrk.RunAsync(server.Endpoint.Address, SignedRequests.Invoke(server.Endpoint, [name]), 64, settings.Window * 2, cancellationToken);
        var loaded = MachineState.ResidentMb(server.Pid);
        return [new Figure("P13.idle", idle, "MiB"), new Figure("P13.loaded", loaded, "MiB", Note: "right after 64 clients")];
    }
}

/// <summary>P14: what the platform itself keeps for each idle environment, in its own process and in the sandbox.</summary>
internal sealed class EnvironmentMemoryRow(PrivateServers servers) : IRow
{
    private const int Environments = 40;
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);

    public string Id => "P14";

    public string Title => "platform memory per idle environment";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        await servers.EnsureAsync(cancellationToken);
        await using var server = await servers.ServeAsync("api,worker,triggers,scheduler", cancellationToken);
        using var client = new FnqClient(server.Endpoint);
        await using var functions = new DeployedFunctions(client);
        // The process's own start-up and first uses are not an environment's; they are paid before the count begins.
        await StartAsync(functions, client, 8, cancellationToken);
        var (count, memory) = Measure(server.Pid);
        await StartAsync(functions, client, Environments, cancellationToken);
        await Task.Delay(Settling, cancellationToken);
        var (countAfter, memoryAfter) = Measure(server.Pid);
        var perEnvironment = (memoryAfter - memory) / (countAfter - count);
        return [new Figure("P14", perEnvironment, "MiB", Note: $"{countAfter - count} environments: growth of fnq serve and their init processes")];
    }

    private static async Task StartAsync(DeployedFunctions functions, FnqClient client, int count, CancellationToken cancellationToken)
    {
        for (var i = 0; i < count; i++)
        {
            var name = await functions.AddAsync(Samples.Distinct(Samples.PythonEcho with { MemoryMb = 128 }, i), cancellationToken);
            await client.InvokeAsync(name, SignedRequests.Body(i, 256), cancellationToken);
        }
    }

    private static (int Count, double Mb) Measure(int worker)
    {
        var platform = SandboxProcesses.Of(worker).Where(process => SandboxProcesses.IsPlatforms(process.Name)).ToList();
        return (platform.Count, MachineState.ResidentMb(worker) + platform.Sum(process => MachineState.ResidentMb(process.Pid)));
    }
}

/// <summary>P15: CPU of the platform process while nothing happens and 100 functions are deployed.</summary>
internal sealed class IdleCpuRow(PrivateServers servers) : IRow
{
    private const int Functions = 100;
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    public string Id => "P15";

    public string Title => "CPU of an idle platform process";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        await servers.EnsureAsync(cancellationToken);
        await using var server = await servers.ServeAsync("api,worker,triggers,scheduler", cancellationToken);
        using var client = new FnqClient(server.Endpoint);
        await using var functions = new DeployedFunctions(client);
        for (var i = 0; i < Functions; i++)
        {
            await functions.AddAsync(Samples.Distinct(Samples.NodeEcho, i), cancellationToken);
        }

        await Task.Delay(Settling, cancellationToken);
        var (cpu, begun) = (MachineState.CpuSeconds(server.Pid), TimeProvider.System.GetTimestamp());
        await Task.Delay(Window, cancellationToken);
        var share = (MachineState.CpuSeconds(server.Pid) - cpu) / TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        return [new Figure("P15", share * 100, "% core", Note: $"{Functions} functions deployed, {Window.TotalSeconds:0} s")];
    }
}
