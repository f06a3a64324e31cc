using System.Globalization;
using Fnq.Execution.Sandboxes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

/// <summary>A measurement, run by hand with `-explicit only`; it prints and fails only when a start fails.</summary>
public sealed class SandboxStartCost(SandboxHost host, ITestOutputHelper output) : IClassFixture<SandboxHost>
{
    [Theory(Explicit = true)]
    [InlineData("crun", true, 1)]
    [InlineData("crun", false, 1)]
    [InlineData("crun", true, 4)]
    [InlineData("runc", true, 1)]
    [InlineData("runc", false, 1)]
    [InlineData("runc", true, 4)]
    public async Task Start(string runtime, bool seccomp, int parallel)
    {
        var options = SandboxHost.OptionsFor(Path.Join(host.Folder, "cost"), runtime) with { Seccomp = seccomp };
        using var backend = new OciSandboxBackend(options, TimeProvider.System, NullLogger<OciSandboxBackend>.Instance);
        await using (await backend.CreateAsync(host.Spec(), CancellationToken.None))
        {
            // The first call chooses the runtime.
        }
        var starts = new List<double>();
        var ends = new List<double>();
        for (var round = 0; round < 20; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, parallel).Select(async _ =>
            {
                var began = TimeProvider.System.GetTimestamp();
                var sandbox = await backend.CreateAsync(host.Spec(), CancellationToken.None);
                var made = TimeProvider.System.GetTimestamp();
                await sandbox.DisposeAsync();
                lock (starts)
                {
                    starts.Add(TimeProvider.System.GetElapsedTime(began, made).TotalMilliseconds);
                    ends.Add(TimeProvider.System.GetElapsedTime(made).TotalMilliseconds);
                }
            }));
        }
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{runtime} seccomp={seccomp} parallel={parallel}: start p50 {At(starts, 50):F1} p95 {At(starts, 95):F1} ms; dispose p50 {At(ends, 50):F1} p95 {At(ends, 95):F1} ms"));
    }

    /// <summary>/tmp in memory, /tmp on an image, and out of the stock: turn by turn, so that the machine's load is the same for all.</summary>
    [Fact(Explicit = true)]
    public async Task With_and_without_a_stock()
    {
        var backends = new Dictionary<string, OciSandboxBackend>();
        var starts = new Dictionary<string, List<double>>();
        foreach (var (name, slots) in ((string, int)[])[("tmpfs", 0), ("scratch", 0), ("stock", 2)])
        {
            var options = SandboxHost.OptionsFor(Path.Join(host.Folder, name), null) with { PreparedSlots = slots, PreparationQuiet = TimeSpan.Zero };
            backends[name] = new OciSandboxBackend(
                name == "tmpfs" ? options with { ImageFolder = "/proc/none" } : options, TimeProvider.System, NullLogger<OciSandboxBackend>.Instance);
            starts[name] = [];
            await (await backends[name].CreateAsync(host.Spec(storageMb: 512), CancellationToken.None)).DisposeAsync();
        }
        for (var round = 0; round < 40; round++)
        {
            foreach (var (name, backend) in backends)
            {
                await SandboxSteps.EventuallyAsync(() => backends["stock"].Prepared().Count == 2, () => "a full stock");
                var began = TimeProvider.System.GetTimestamp();
                var sandbox = await backend.CreateAsync(host.Spec(storageMb: 512), CancellationToken.None);
                starts[name].Add(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds);
                await sandbox.DisposeAsync();
            }
        }
        foreach (var (name, backend) in backends)
        {
            await backend.DisposeAsync();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name}: start p50 {At(starts[name], 50):F1} p95 {At(starts[name], 95):F1} ms"));
        }
    }

    private static double At(List<double> values, int percent) => values.Order().ElementAt(values.Count * percent / 100);
}
