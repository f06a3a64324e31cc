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
        await InvokeAsync(pool, 40);
        Assert.Equal([16, 16, 8], _harness.Records.GroupBy(record => record.Environment).Select(group => group.Count()));
    }

    [Fact]
    public async Task A_successor_starts_while_the_old_one_still_serves()
    {
        await _harness.PrepareAsync(Runtimes.Echo);
        await using var pool = Pool(maxInvocations: 100);
        await InvokeAsync(pool, 95);
        Assert.True(SpinWait.SpinUntil(() => pool.StartsInFlight == 0, TimeSpan.FromSeconds(30)));

        // One, however often the old one comes back while its successor is busy.
        var successor = await LeaseAsync(pool);
        for (var run = 0; run < 3; run++)
        {
            await InvokeAsync(pool);
            Assert.Equal(0, pool.StartsInFlight);
        }

        await successor.DisposeAsync();
        await InvokeAsync(pool, 10);
        Assert.Equal([98, 10], _harness.Records.GroupBy(record => record.Environment).Select(group => group.Count()));
    }

    [Fact]
    public async Task Who_gets_no_environment_by_its_deadline_is_let_go_and_the_next_is_served()
    {
        await _harness.PrepareAsync(Runtimes.Echo);
        await using var pool = Pool(maxInvocations: 100, maxEnvironments: 1);
        var busy = await LeaseAsync(pool);
        var late = pool.LeaseAsync(EnvironmentHarness.Deployment, TimeProvider.System.GetUtcNow().AddMilliseconds(50)).AsTask();
        var patient = pool.LeaseAsync(EnvironmentHarness.Deployment, TimeProvider.System.GetUtcNow().AddSeconds(30)).AsTask();
        await Assert.ThrowsAsync<TaskCanceledException>(() => late.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.False(patient.IsCompleted);
        await busy.DisposeAsync();
        await using var lease = await patient.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Same(busy, lease);
    }

    [Fact]
    public async Task One_that_its_runtime_has_spent_while_idle_is_not_leased_again()
    {
        await PrepareToHangUpAsync();
        await using var pool = Pool(maxInvocations: 1_000);
        var first = await LeaseAsync(pool);
        await first.DisposeAsync();
        await first.Environment.Ended.WaitAsync(TimeSpan.FromSeconds(20));
        await InvokeAsync(pool);
        Assert.NotEqual(first.Environment.Id, Assert.Single(_harness.Records).Environment);
    }

    /// <summary>The sweep takes an environment out to freeze it: that is when nobody else can.</summary>
    [Fact]
    public async Task One_that_is_spent_while_the_sweep_has_it_ends_too()
    {
        for (var round = 0; round < 50; round++)
        {
            await PrepareToHangUpAsync();
            await using var pool = Pool(maxInvocations: 1_000, freezeAfter: TimeSpan.FromTicks(1));
            var lease = await LeaseAsync(pool);
            await lease.DisposeAsync();
            await lease.Environment.Ended.WaitAsync(TimeSpan.FromSeconds(20));
        }
    }

    /// <summary>The first environment's runtime hangs up for ever, however often it is started again.</summary>
    private async Task PrepareToHangUpAsync()
    {
        FakeSandbox? first = null;
        await _harness.PrepareAsync(async (sandbox, killed) =>
        {
            if ((Interlocked.CompareExchange(ref first, sandbox, null) ?? sandbox) != sandbox)
            {
                await Runtimes.Echo(sandbox, killed);
            }

            while (!killed.IsCancellationRequested)
            {
                await HostileRuntimeTests.HangUpOnNextAsync(sandbox, killed);
            }
        });
    }

    private static async Task<PooledEnvironment> LeaseAsync(WarmPool pool) => Assert.IsType<PooledEnvironment>(
        await pool.LeaseAsync(EnvironmentHarness.Deployment, TimeProvider.System.GetUtcNow().AddSeconds(30)));

    [Fact]
    public void Environments_that_share_a_load_do_not_all_end_at_once()
    {
        var options = new WorkerOptions { MemoryMb = 1_000 };
        var lives = Enumerable.Range(1, 16).Select(options.InvocationsOf).ToList();
        Assert.Equal(16, lives.Distinct().Count());
        Assert.All(lives, life => Assert.InRange(life, 8_000, 10_000));
    }

    private WarmPool Pool(int maxInvocations, int maxEnvironments = 400, TimeSpan? freezeAfter = null) => new(
        _harness.Factory,
        new WorkerOptions
        {
            MemoryMb = 1_000,
            MaxInvocations = maxInvocations,
            MaxEnvironments = maxEnvironments,
            FreezeAfter = freezeAfter ?? new WorkerOptions { MemoryMb = 1_000 }.FreezeAfter,
        },
        TimeProvider.System, NullLogger<DeploymentPool>.Instance);

    private static async Task InvokeAsync(WarmPool pool, int runs = 1)
    {
        for (var run = 0; run < runs; run++)
        {
            await using var lease = await pool.LeaseAsync(EnvironmentHarness.Deployment, TimeProvider.System.GetUtcNow().AddSeconds(30));
            Assert.NotNull(lease);
            await lease.InvokeAsync(EnvironmentHarness.Request(), CancellationToken.None);
        }
    }
}
