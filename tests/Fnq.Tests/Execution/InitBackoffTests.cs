using System.Text;
using Fnq.Contracts;
using Fnq.Execution;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class InitBackoffTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly EnvironmentHarness _harness = new();

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public void Three_failures_in_a_row_begin_a_pause_that_doubles_and_lets_one_try_through()
    {
        var backoff = new InitBackoff(_time);
        for (var failure = 1; failure < InitBackoff.FailuresBeforePause; failure++)
        {
            backoff.Failed(new ProcessEnd(1, null));
            Assert.Null(backoff.Ask());
        }

        foreach (var seconds in (int[])[1, 2, 4, 8, 16, 30, 30])
        {
            backoff.Failed(new ProcessEnd(seconds, null));
            Assert.Equal((new ProcessEnd(seconds, null), TimeSpan.FromSeconds(seconds)), backoff.Ask());
            _time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.NotNull(backoff.Ask());
            _time.Advance(TimeSpan.FromMilliseconds(1));
            Assert.Null(backoff.Ask());
            Assert.NotNull(backoff.Ask());
        }

        backoff.Succeeded();
        Assert.Null(backoff.Ask());
    }

    [Fact]
    public async Task Callers_get_the_error_of_the_last_init_with_their_own_request_id_and_no_process_starts()
    {
        var environment = await _harness.StartAsync((sandbox, _) => { sandbox.Exit(9); return Task.CompletedTask; });
        for (var call = 0; call < 20; call++)
        {
            var request = EnvironmentHarness.Request(wantsLogTail: true);
            var result = await environment.InvokeAsync(request, default);
            Assert.Equal(
                $$"""{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {{request.RequestId}} Error: Runtime exited with error: exit status 9"}""",
                Encoding.UTF8.GetString(result.Payload.Span));
            Assert.Equal(RunOutcome.InitFailed, result.Outcome);
            Assert.EndsWith("\tStatus: error\tError Type: Runtime.ExitError\n", Encoding.UTF8.GetString(result.LogTail.Span), StringComparison.Ordinal);
        }

        Assert.Equal(InitBackoff.FailuresBeforePause, _harness.Sandbox.Started.Count);
        Assert.Equal(20, _harness.Records.Count);
        Assert.Contains("[Fnq] Init failed 3 times or more in a row.", await _harness.ReadLogAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_environment_of_the_deployment_does_not_start_its_process_either()
    {
        var first = await _harness.StartAsync((sandbox, _) => { sandbox.Exit(9); return Task.CompletedTask; });
        await first.InvokeAsync(EnvironmentHarness.Request(), default);
        await first.InvokeAsync(EnvironmentHarness.Request(), default);
        var second = await _harness.StartAsync(Runtimes.Echo);
        Assert.Equal(EnvironmentPhase.Ready, second.Phase);
        Assert.Equal(RunOutcome.InitFailed, (await second.InvokeAsync(EnvironmentHarness.Request(), default)).Outcome);
        Assert.Empty(_harness.Sandbox.Started);
    }

    [Fact]
    public async Task A_runtime_that_ends_in_its_runs_is_not_held_back()
    {
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            await client.NextAsync(killed);
            sandbox.Exit(1);
        });
        for (var call = 1; call <= 6; call++)
        {
            Assert.Equal(RunOutcome.RuntimeExited, (await environment.InvokeAsync(EnvironmentHarness.Request(), default)).Outcome);
            Assert.Equal(call, _harness.Sandbox.Started.Count);
        }
    }
}
