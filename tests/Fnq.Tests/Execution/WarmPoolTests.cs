using Fnq.Execution;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class WarmPoolTests : IAsyncDisposable
{
    private readonly EnvironmentHarness _harness = new();

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task An_environment_is_replaced_when_it_has_served_long_enough()
    {
        await _harness.PrepareAsync(Runtimes.Echo);
        await using var pool = Pool(maxInvocations: 16);
        for (var run = 0; run < 40; run++)
        {
            await InvokeAsync(pool);
        }

        Assert.Equal([16, 16, 8], _harness.Records.GroupBy(record => record.Environment).Select(group => group.Count()));
    }

    [Fact]
    public async Task One_that_its_runtime_has_spent_while_idle_is_not_leased_again()
    {
        var hungUp = 0;
        await _harness.PrepareAsync(async (sandbox, killed) =>
        {
            if (Interlocked.Exchange(ref hungUp, 1) == 1)
            {
                await Runtimes.Echo(sandbox, killed);
            }

            while (!killed.IsCancellationRequested)
            {
                await HostileRuntimeTests.HangUpOnNextAsync(sandbox, killed);
            }
        });
        await using var pool = Pool(maxInvocations: 1_000);
        var first = Assert.IsType<PooledEnvironment>(await pool.LeaseAsync(EnvironmentHarness.Deployment, TimeProvider.System.GetUtcNow().AddSeconds(30)));
        await first.DisposeAsync();
        await first.Environment.Ended.WaitAsync(TimeSpan.FromSeconds(20));
        await InvokeAsync(pool);
        Assert.NotEqual(first.Environment.Id, Assert.Single(_harness.Records).Environment);
    }

    [Fact]
    public void Environments_that_share_a_load_do_not_all_end_at_once()
    {
        var options = new WorkerOptions { MemoryMb = 1_000 };
        var lives = Enumerable.Range(1, 16).Select(options.InvocationsOf).ToList();
        Assert.Equal(16, lives.Distinct().Count());
        Assert.All(lives, life => Assert.InRange(life, 8_000, 10_000));
    }

    private WarmPool Pool(int maxInvocations) => new(
        _harness.Factory, new WorkerOptions { MemoryMb = 1_000, MaxInvocations = maxInvocations }, TimeProvider.System,
        NullLogger<DeploymentPool>.Instance);

    private static async Task InvokeAsync(WarmPool pool)
    {
        await using var lease = await pool.LeaseAsync(EnvironmentHarness.Deployment, TimeProvider.System.GetUtcNow().AddSeconds(30));
        Assert.NotNull(lease);
        await lease.InvokeAsync(EnvironmentHarness.Request(), CancellationToken.None);
    }
}
