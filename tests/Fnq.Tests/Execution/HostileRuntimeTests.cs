using System.Text;
using System.Text.Json;
using Fnq.Contracts;
using Fnq.Execution;
using Fnq.Execution.RuntimeApi;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Fnq.Tests.Execution;

/// <summary>Runtimes that try to get more than a run: time outside of one, memory, the worker's processor.</summary>
public sealed class HostileRuntimeTests : IAsyncDisposable
{
    private readonly EnvironmentHarness _harness = new();

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task One_that_hangs_up_on_next_again_and_again_is_done_with()
    {
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            while (!killed.IsCancellationRequested)
            {
                await HangUpOnNextAsync(sandbox, killed);
            }
        });
        await environment.Spent.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.False(environment.IsReusable);
    }

    [Fact]
    public async Task One_that_hangs_up_on_next_and_does_not_call_again_is_started_anew_after_its_timeout()
    {
        var starts = 0;
        var startedAgain = new TaskCompletionSource();
        var environment = await _harness.StartAsync(
            async (sandbox, killed) =>
            {
                if (Interlocked.Increment(ref starts) > 1)
                {
                    startedAgain.SetResult();
                    await Runtimes.Echo(sandbox, killed);
                }

                await HangUpOnNextAsync(sandbox, killed);
                await Task.Delay(Timeout.Infinite, killed);
            },
            EnvironmentHarness.Deployment with { TimeoutSeconds = 1 });
        await startedAgain.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal("7", Encoding.UTF8.GetString((await environment.InvokeAsync(EnvironmentHarness.Request("7"), default)).Payload.Span));
        Assert.Equal((2, 1), (starts, _harness.Sandbox.Kills));
    }

    [Fact]
    public async Task What_a_runtime_leaves_behind_is_killed_when_it_ends()
    {
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            await client.NextAsync(killed);
            sandbox.Exit(0);
        });
        Assert.Equal(RunOutcome.RuntimeExited, (await environment.InvokeAsync(EnvironmentHarness.Request(), default)).Outcome);
        await environment.DisposeAsync();
        Assert.Equal(1, _harness.Sandbox.Kills);
    }

    [Fact]
    public async Task An_error_of_ten_megabytes_is_cut_and_still_is_JSON()
    {
        var (answers, payload) = await ReplyAsync("error", new string('\\', 10_000_000), "Function.Deep");
        Assert.Equal(202, answers.Status);
        Assert.InRange(payload.Length, 64 * 1024, 140 * 1024);
        using var json = JsonDocument.Parse(payload);
        Assert.Equal("Function.Deep", json.RootElement.GetProperty("errorType").GetString());
        var message = json.RootElement.GetProperty("errorMessage").GetString()!;
        Assert.StartsWith(@"\\\\", message, StringComparison.Ordinal);
        Assert.EndsWith(" [truncated by Fnq: error beyond 6291556 bytes]", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("this is no JSON \u0001 at all")]
    [InlineData("[[[[")]
    public async Task An_error_that_is_no_JSON_is_passed_on_as_it_is(string start)
    {
        var error = start + new string('[', 1_000_000);
        var (answer, payload) = await ReplyAsync("error", error, "");
        Assert.Equal((202, error), (answer.Status, payload));
    }

    [Theory]
    [InlineData("Content-Length: 1\r\nContent-Length: 2\r\n\r\n11")]
    [InlineData("Content-Length: -1\r\n\r\n1")]
    [InlineData("Content-Length: 99999999999999999999\r\n\r\n1")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n1")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nxyz\r\n1\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: identity\r\n\r\n0\r\n\r\n")]
    [InlineData("Content-Length : 1\r\n\r\n1")]
    [InlineData("X: 1\r\n 2\r\nContent-Length: 1\r\n\r\n1")]
    [InlineData("X: \0\r\nContent-Length: 1\r\n\r\n1")]
    public async Task A_malformed_reply_is_refused_and_a_proper_one_is_heard_after_it(string rest)
    {
        var refused = new TaskCompletionSource<int>();
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            var next = await client.NextAsync(killed);
            using (var other = new RuntimeClient(sandbox))
            {
                await other.SendRawAsync($"POST /2018-06-01/runtime/invocation/{next.RequestId}/response HTTP/1.1\r\nHost: x\r\n{rest}", killed);
                refused.TrySetResult((await other.ReadAsync(killed)).Status);
            }

            await client.ReplyAsync(next.RequestId, "2", killed);
        });
        Assert.Equal("2", Encoding.UTF8.GetString((await environment.InvokeAsync(EnvironmentHarness.Request(), default)).Payload.Span));
        Assert.Equal(400, await refused.Task);
    }

    [Fact]
    public async Task A_reply_that_is_cut_off_can_be_posted_again_as_soon_as_its_connection_is_closed()
    {
        var second = new TaskCompletionSource<int>();
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            var next = await client.NextAsync(killed);
            using (var other = new RuntimeClient(sandbox))
            {
                await other.SendRawAsync(
                    $"POST /2018-06-01/runtime/invocation/{next.RequestId}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12", killed);
                other.EndSending();
                await Assert.ThrowsAnyAsync<IOException>(() => other.ReadAsync(killed));
            }

            second.TrySetResult((await client.ReplyAsync(next.RequestId, "2", killed)).Status);
        });
        Assert.Equal("2", Encoding.UTF8.GetString((await environment.InvokeAsync(EnvironmentHarness.Request(), default)).Payload.Span));
        Assert.Equal(202, await second.Task);
    }

    [Fact]
    public async Task An_unknown_response_mode_is_refused_and_the_run_goes_on()
    {
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            var next = await client.NextAsync(killed);
            var refused = await client.SendAsync(
                "POST", $"invocation/{next.RequestId}/response", "1", "Lambda-Runtime-Function-Response-Mode: trickling\r\n", killed);
            await client.ReplyAsync(next.RequestId, $"\"{refused.Status}\"", killed);
        });
        Assert.Equal("\"400\"", Encoding.UTF8.GetString((await environment.InvokeAsync(EnvironmentHarness.Request(), default)).Payload.Span));
    }

    [Fact]
    public async Task After_an_init_error_neither_next_nor_another_init_error_is_heard()
    {
        var answers = new TaskCompletionSource<int[]>();
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            var first = await client.SendAsync("POST", "init/error", "{\"errorType\":\"First\"}", "", killed);
            var second = await client.SendAsync("POST", "init/error", "{\"errorType\":\"Second\"}", "", killed);
            answers.TrySetResult([first.Status, second.Status, (await client.NextAsync(killed)).Status]);
            sandbox.Exit(0);
        });
        Assert.Equal((int[])[202, 403, 403], await answers.Task);
        var result = await environment.InvokeAsync(EnvironmentHarness.Request(), default);
        Assert.Equal(("{\"errorType\":\"First\"}", RunOutcome.InitFailed), (Encoding.UTF8.GetString(result.Payload.Span), result.Outcome));
    }

    [Fact]
    public void Calls_beyond_the_budget_wait_for_their_turn()
    {
        var time = new FakeTimeProvider();
        var budget = new CallBudget(time, burst: 3, perSecond: 10);
        Assert.Equal([0, 0, 0, 100, 200], Enumerable.Range(0, 5).Select(_ => budget.Take().TotalMilliseconds));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([0, 0, 0, 100], Enumerable.Range(0, 4).Select(_ => budget.Take().TotalMilliseconds));
    }

    [Fact]
    public async Task A_flood_of_pings_is_answered_at_a_walk_and_runs_are_not()
    {
        await using var harness = new EnvironmentHarness(limits: new RuntimeApiLimits { IdleCallBurst = 10, IdleCallsPerSecond = 20 });
        var environment = await harness.StartAsync(Runtimes.Echo);
        using var client = new RuntimeClient(harness.Sandbox);
        var began = TimeProvider.System.GetTimestamp();
        for (var call = 0; call < 20; call++)
        {
            Assert.Equal(200, (await client.SendAsync("GET", "../ping", null, "", default)).Status);
        }

        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds, 450, 5_000);
        for (var run = 0; run < 100; run++)
        {
            await environment.InvokeAsync(EnvironmentHarness.Request(), default);
        }

        Assert.Equal(100, harness.Records.Count);
    }

    /// <summary>Calls twice: when one is refused the other is known to wait.</summary>
    internal static async Task HangUpOnNextAsync(FakeSandbox sandbox, CancellationToken killed)
    {
        using var first = new RuntimeClient(sandbox);
        using var second = new RuntimeClient(sandbox);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(killed);
        var answer = await await Task.WhenAny(first.NextAsync(done.Token), second.NextAsync(done.Token));
        await done.CancelAsync();
        Assert.Equal(403, answer.Status);
    }

    /// <summary>One run that ends with the body; the receipt and what the caller got.</summary>
    private async Task<(RawAnswer Receipt, string Payload)> ReplyAsync(string kind, string body, string errorType)
    {
        var receipt = new TaskCompletionSource<RawAnswer>();
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            var next = await client.NextAsync(killed);
            receipt.TrySetResult(await client.SendAsync(
                "POST", $"invocation/{next.RequestId}/{kind}", body, $"Lambda-Runtime-Function-Error-Type: {errorType}\r\n", killed));
        });
        var result = await environment.InvokeAsync(EnvironmentHarness.Request(), default);
        return (await receipt.Task.WaitAsync(TimeSpan.FromSeconds(20)), Encoding.UTF8.GetString(result.Payload.Span));
    }
}
