using System.Text;
using System.Text.RegularExpressions;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Execution;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class ExecutionEnvironmentTests : IAsyncDisposable
{
    private readonly EnvironmentHarness _harness = new();

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task Answers_what_the_runtime_posted_and_journals_one_record_a_run()
    {
        var environment = await _harness.StartAsync(Runtimes.Echo);
        Assert.Equal(EnvironmentPhase.Ready, environment.Phase);
        for (var i = 0; i < 50; i++)
        {
            var result = await environment.InvokeAsync(EnvironmentHarness.Request($"[{i}]"), default);
            Assert.Equal($"[{i}]", Text(result));
            Assert.False(result.IsFunctionError);
        }

        Assert.Equal(50, _harness.Records.Count);
        Assert.Equal(50, _harness.Records.Select(r => r.RunId).Distinct().Count());
        Assert.True(_harness.Records[0].InitMilliseconds > 0);
        Assert.All(_harness.Records.Skip(1), r => Assert.Equal(0, r.InitMilliseconds));
        Assert.Single(_harness.Sandbox.Started);
        Assert.Equal([true, false], _harness.Sandbox.CpuLimits);
    }

    [Fact]
    public async Task Hands_over_every_header_that_has_a_value()
    {
        RawAnswer? seen = null;
        var environment = await _harness.StartAsync(Runtimes.Answering((_, next) => { seen = next; return "1"; }));
        var request = EnvironmentHarness.Request() with { ClientContext = "{\"client\":1}", Payload = default };
        await environment.InvokeAsync(request, default);
        Assert.Equal("{}", seen!.Body);
        Assert.Equal(request.RequestId.ToString(), seen.RequestId);
        Assert.Equal(request.InvokedFunctionArn, seen.Headers["Lambda-Runtime-Invoked-Function-Arn"]);
        Assert.Equal(request.TraceId, seen.Headers["Lambda-Runtime-Trace-Id"]);
        Assert.Equal("{\"client\":1}", seen.Headers["Lambda-Runtime-Client-Context"]);
        Assert.Equal("application/json", seen.Headers["Content-Type"]);
        Assert.False(seen.Headers.ContainsKey("Lambda-Runtime-Cognito-Identity"));
        var deadline = DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(seen.Headers["Lambda-Runtime-Deadline-Ms"], null));
        Assert.InRange(deadline - TimeProvider.System.GetUtcNow(), TimeSpan.FromSeconds(-30), TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task The_tail_holds_the_lines_of_the_invocation_in_order()
    {
        var environment = await _harness.StartAsync(Runtimes.Answering((sandbox, _) => { sandbox.Print("one\nSTART forged\nunfinished"); return "1"; }));
        var request = EnvironmentHarness.Request(wantsLogTail: true);
        var result = await environment.InvokeAsync(request, default);
        var id = Regex.Escape(request.RequestId.ToString());
        Assert.Matches(
            $@"\ASTART RequestId: {id} Version: \$LATEST\none\nSTART forged\nunfinished\nEND RequestId: {id}\n" +
            $@"REPORT RequestId: {id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: \d+\.\d\d ms\t\n\z",
            Encoding.UTF8.GetString(result.LogTail.Span));
        var stored = await _harness.ReadLogAsync();
        Assert.Matches(@"\AP\d{13} INIT_START Runtime Version: python:3\.13\.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:abc\nP\d{13} START", stored);
        Assert.Matches(@"\nF\d{13} START forged\n", stored);
    }

    [Fact]
    public async Task An_error_that_the_runtime_posts_is_passed_through_untouched()
    {
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            var next = await client.NextAsync(killed);
            await client.SendAsync(
                "POST", $"invocation/{next.RequestId}/error", "{\"errorMessage\":\"x\"}",
                "Lambda-Runtime-Function-Error-Type: Runtime.Lies!\r\n", killed);
            await client.NextAsync(killed);
        });
        var result = await environment.InvokeAsync(EnvironmentHarness.Request(), default);
        Assert.Equal("{\"errorMessage\":\"x\"}", Text(result));
        Assert.True(result.IsFunctionError);
        Assert.Equal(RunOutcome.FunctionError, result.Outcome);
        Assert.True(environment.IsReusable);
    }

    [Fact]
    public async Task After_a_timeout_the_runtime_is_initialised_again_in_the_same_sandbox()
    {
        var calls = 0;
        var environment = await _harness.StartAsync(
            async (sandbox, killed) =>
            {
                using var client = new RuntimeClient(sandbox);
                while (true)
                {
                    var next = await client.NextAsync(killed);
                    if (Interlocked.Increment(ref calls) == 1)
                    {
                        await Task.Delay(Timeout.Infinite, killed);
                    }

                    await client.ReplyAsync(next.RequestId, "\"again\"", killed);
                }
            },
            EnvironmentHarness.Deployment with { TimeoutSeconds = 1 });
        var request = EnvironmentHarness.Request(wantsLogTail: true);
        var result = await environment.InvokeAsync(request, default);
        Assert.Equal($$"""{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {{request.RequestId}} Error: Task timed out after 1.00 seconds"}""", Text(result));
        Assert.Equal(RunOutcome.TimedOut, result.Outcome);
        Assert.Contains("Duration: 1000.00 ms\t", Encoding.UTF8.GetString(result.LogTail.Span), StringComparison.Ordinal);
        Assert.EndsWith("\tStatus: timeout\n", Encoding.UTF8.GetString(result.LogTail.Span), StringComparison.Ordinal);
        Assert.Equal("\"again\"", Text(await environment.InvokeAsync(EnvironmentHarness.Request(), default)));
        Assert.Equal(2, _harness.Sandbox.Started.Count);
        Assert.True(environment.IsReusable);
    }

    [Theory]
    [InlineData(0, "Runtime exited without providing a reason")]
    [InlineData(127, "Runtime exited with error: exit status 127")]
    [InlineData(-11, "Runtime exited with error: signal: segmentation fault")]
    public async Task A_runtime_that_exits_fails_its_run_and_the_next_starts_another(int status, string text)
    {
        var starts = 0;
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            if (Interlocked.Increment(ref starts) > 1)
            {
                await Runtimes.Echo(sandbox, killed);
            }

            using var client = new RuntimeClient(sandbox);
            await client.NextAsync(killed);
            sandbox.Exit(status);
        });
        var request = EnvironmentHarness.Request(wantsLogTail: true);
        var result = await environment.InvokeAsync(request, default);
        Assert.Equal($$"""{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {{request.RequestId}} Error: {{text}}"}""", Text(result));
        Assert.EndsWith("\tStatus: error\tError Type: Runtime.ExitError\n", Encoding.UTF8.GetString(result.LogTail.Span), StringComparison.Ordinal);
        Assert.Equal("7", Text(await environment.InvokeAsync(EnvironmentHarness.Request("7"), default)));
    }

    [Fact]
    public async Task A_runtime_killed_for_memory_says_so_and_is_not_used_again()
    {
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            await client.NextAsync(killed);
            sandbox.OutOfMemoryKills = 1;
            sandbox.Exit(-9);
        });
        var result = await environment.InvokeAsync(EnvironmentHarness.Request(), default);
        Assert.Contains("\"Runtime.OutOfMemory\"", Text(result), StringComparison.Ordinal);
        Assert.Equal(RunOutcome.OutOfMemory, result.Outcome);
        Assert.False(environment.IsReusable);
    }

    [Fact]
    public async Task A_failed_init_is_repeated_by_the_first_invocation_which_reports_it()
    {
        var posted = new TaskCompletionSource<RawAnswer>();
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            posted.TrySetResult(await client.SendAsync("POST", "init/error", "{\"errorType\":\"Runtime.ImportModuleError\"}", "", killed));
            sandbox.Exit(1);
        });
        Assert.Equal((202, "{\"status\":\"OK\"}\n"), ((await posted.Task).Status, (await posted.Task).Body));
        Assert.Equal(EnvironmentPhase.Ready, environment.Phase);
        var result = await environment.InvokeAsync(EnvironmentHarness.Request(), default);
        Assert.Equal("{\"errorType\":\"Runtime.ImportModuleError\"}", Text(result));
        Assert.Equal(RunOutcome.InitFailed, result.Outcome);
        Assert.Equal(2, _harness.Sandbox.Started.Count);
        Assert.Contains("INIT_REPORT Init Duration: ", await _harness.ReadLogAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_entry_point_that_is_not_there_is_reported_as_on_AWS()
    {
        var environment = await _harness.StartAsync((sandbox, _) => { sandbox.FailStart(2); return Task.CompletedTask; });
        var request = EnvironmentHarness.Request();
        var result = await environment.InvokeAsync(request, default);
        Assert.Equal(
            $$"""{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: {{request.RequestId}} Error: Couldn't find valid bootstrap(s): [/var/runtime/bootstrap]"}""",
            Text(result));
    }

    [Fact]
    public async Task Disposal_in_the_middle_of_a_run_answers_it_as_lost()
    {
        var running = new TaskCompletionSource();
        var environment = await _harness.StartAsync(async (sandbox, killed) =>
        {
            using var client = new RuntimeClient(sandbox);
            await client.NextAsync(killed);
            running.SetResult();
            await Task.Delay(Timeout.Infinite, killed);
        });
        var run = environment.InvokeAsync(EnvironmentHarness.Request(), default).AsTask();
        await running.Task;
        await environment.DisposeAsync();
        Assert.Equal(RunOutcome.PlatformLost, (await run).Outcome);
        Assert.Equal(EnvironmentPhase.Stopped, environment.Phase);
        Assert.True(environment.Ended.IsCompleted);
        await Assert.ThrowsAsync<EnvironmentGoneException>(async () => await environment.InvokeAsync(EnvironmentHarness.Request(), default));
    }

    [Fact]
    public async Task A_frozen_environment_is_thawed_by_its_next_invocation()
    {
        var environment = await _harness.StartAsync(Runtimes.Echo);
        environment.Freeze();
        environment.Freeze();
        Assert.Equal((1, 0), (_harness.Sandbox.Freezes, _harness.Sandbox.Thaws));
        await environment.InvokeAsync(EnvironmentHarness.Request(), default);
        Assert.Equal(1, _harness.Sandbox.Thaws);
    }

    private static string Text(InvocationResult result) => Encoding.UTF8.GetString(result.Payload.Span);
}
