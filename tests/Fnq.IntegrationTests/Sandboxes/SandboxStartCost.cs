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

    private static double At(List<double> values, int percent) => values.Order().ElementAt(values.Count * percent / 100);
}
