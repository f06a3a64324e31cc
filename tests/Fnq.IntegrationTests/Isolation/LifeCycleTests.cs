using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Fnq.IntegrationTests.Lifecycle;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions that do not end when they shall, do not begin, or go on when nobody asked.</summary>
[Collection(Platform.Collection)]
public sealed class LifeCycleTests(Platform platform)
{
    private readonly MarkedProcesses _processes = new();

    [Fact]
    public async Task H01_the_answer_of_a_timeout_comes_and_the_processes_end_within_100_ms_of_the_deadline()
    {
        var name = await platform.Api.DeployAsync("""
            import os, time
            def handler(event, context):
                if event.get("read"):
                    return float(open("/tmp/last").read())
                late = time.time() + context.get_remaining_time_in_millis() / 1000
                with open("/tmp/last", "w") as file:
                    while True:
                        file.seek(0)
                        file.write(f"{(time.time() - late) * 1000:12.3f}")
                        file.flush()
            """, request => (request["Timeout"], request["MemorySize"]) = (1, 884));
        _ = await platform.Api.FailAsync(name);
        List<double> answered = [], killed = [];
        for (var run = 0; run < 5; run++)
        {
            var began = TimeProvider.System.GetTimestamp();
            var cut = await platform.Api.FailAsync(name);
            answered.Add(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds - 1_000);
            Assert.Equal("Sandbox.Timedout", (string?)cut["errorType"]);
            killed.Add((double)await platform.Api.CallAsync(name, """{"read":1}"""));
        }

        var told = $"ms after the deadline: answered {string.Join(' ', answered.Select(ms => $"{ms:F1}"))}, still running {string.Join(' ', killed.Select(ms => $"{ms:F1}"))}";
        TestContext.Current.TestOutputHelper?.WriteLine(told);
        Assert.True(answered.Order().ElementAt(2) <= 100 && killed.Order().ElementAt(2) <= 100, told);
    }

    [Theory]
    [InlineData("signal.signal(signal.SIGTERM, signal.SIG_IGN)")]
    [InlineData("signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())")]
    public async Task H02_who_ignores_the_signal_to_end_is_killed_after_two_seconds(string how)
    {
        var name = await DeployMarkedAsync($$"""
            import os, signal
            {{how}}
            if os.fork() == 0:
                while True:
                    signal.sigtimedwait([], 1)
            def handler(event, context):
                return 1
            """);
        Assert.Equal(1, (int)await platform.Api.CallAsync(name));
        Assert.True(_processes.Alive().Count >= 2, "the runtime and its child are there");
        var took = await DeleteAsync(name);
        TestContext.Current.TestOutputHelper?.WriteLine($"gone after {took.TotalSeconds:F2} s");
        Assert.InRange(took.TotalSeconds, 1.5, 4);
    }

    [Fact]
    public async Task H02_who_hears_the_signal_has_time_for_a_last_word()
    {
        var name = await DeployMarkedAsync("""
            import os, signal, time
            def end(number, frame):
                time.sleep(0.3)
                os.write(1, b"last word\n")
                os._exit(0)
            signal.signal(signal.SIGTERM, end)
            def handler(event, context):
                return 1
            """);
        Assert.Equal(1, (int)await platform.Api.CallAsync(name));
        Assert.InRange((await DeleteAsync(name)).TotalSeconds, 0, 2.5);
        await Until.TrueAsync(
            async () => (await platform.VerbAsync(["logs", name])).Output.Contains(" last word\n", StringComparison.Ordinal), "the last word is in the log");
    }

    [Fact]
    public async Task H07_an_environment_whose_child_was_killed_for_memory_is_retired_after_its_reply()
    {
        var name = await DeployMarkedAsync("""
            import os
            runs = 0
            def handler(event, context):
                global runs
                runs += 1
                if event.get("eat"):
                    child = os.fork()
                    if child == 0:
                        hoard = []
                        while True:
                            hoard.append(b"x" * 1048576)
                    return {"runs": runs, "killed": os.WTERMSIG(os.waitpid(child, 0)[1])}
                return {"runs": runs}
            """, timeoutSeconds: 20);
        Assert.Equal(1, (int)(await platform.Api.CallAsync(name))["runs"]!);
        var eaten = await platform.Api.InvokeAsync(name, """{"eat":1}""");
        // Where the kernel kills the whole group (cgroup v2), the runtime dies with its child, and the error says why.
        Assert.True(
            eaten is { FunctionError: null, Text: """{"runs": 2, "killed": 9}""" }
            || eaten.Text.Contains("signal: killed", StringComparison.Ordinal), eaten.Text);
        Assert.Equal(1, (int)(await platform.Api.CallAsync(name))["runs"]!);
    }

    [Fact]
    public async Task H20_an_init_over_ten_seconds_is_tried_again_under_the_timeout_of_the_function()
    {
        var name = await platform.Api.DeployAsync("""
            import os, time
            if not os.path.exists("/tmp/second"):
                open("/tmp/second", "w").close()
                time.sleep(60)
            def handler(event, context):
                return "up"
            """);
        var began = TimeProvider.System.GetTimestamp();
        var answer = await platform.Api.InvokeTailAsync(name);
        Assert.Equal("\"up\"", answer.Text);
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 10, 13);
        Assert.Null(Reports.Of(answer.LogTail).InitMilliseconds);
    }

    [Fact]
    public async Task H20_an_init_that_ends_is_not_repeated_in_a_hot_loop_and_every_caller_gets_its_error()
    {
        var name = await platform.Api.DeployAsync("import os\nos._exit(9)\n");
        var began = TimeProvider.System.GetTimestamp();
        for (var call = 0; call < 40; call++)
        {
            var failed = await platform.Api.InvokeTailAsync(name);
            Assert.Equal("Unhandled", failed.FunctionError);
            Assert.Equal(
                $$"""{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {{failed.RequestId}} Error: Runtime exited with error: exit status 9"}""",
                failed.Text);
            Assert.Equal("Runtime.ExitError", Reports.Of(failed.LogTail).ErrorType);
        }

        // Three, and one after each pause of 1, 2, 4 s ...
        var pauses = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
        var logs = (await platform.VerbAsync(["logs", name])).Checked.Split('\n');
        Assert.InRange(logs.Count(line => line.Contains(" INIT_START ", StringComparison.Ordinal)), 3, 4 + (int)Math.Log2(pauses + 1));
        Assert.True(logs.Count(line => line.Contains("[Fnq] Init failed 3 times or more in a row.", StringComparison.Ordinal)) > 20, "the log says so");
    }

    [Fact]
    public async Task H20_when_the_cause_goes_away_the_function_comes_back_by_itself()
    {
        var name = await platform.Api.DeployAsync("""
            import os
            open("/tmp/starts", "a").write("s")
            if os.path.getsize("/tmp/starts") < 5:
                raise OSError("the database is away")
            def handler(event, context):
                return os.path.getsize("/tmp/starts")
            """);
        var failed = await platform.Api.FailAsync(name);
        Assert.Equal(("OSError", "the database is away"), ((string?)failed["errorType"], (string?)failed["errorMessage"]));
        ApiAnswer? last = null;
        await Until.TrueAsync(async () => (last = await platform.Api.InvokeAsync(name)).FunctionError is null, "an init succeeds");
        Assert.Equal("5", last!.Text);
    }

    [Fact]
    public async Task H21_threads_and_children_stand_still_between_invocations()
    {
        var name = await DeployMarkedAsync("""
            import os, threading
            def spin():
                while True:
                    pass
            def handler(event, context):
                if event.get("spin"):
                    threading.Thread(target=spin, daemon=True).start()
                    for _ in range(3):
                        if os.fork() == 0:
                            os.setsid()
                            spin()
                return 1
            """);
        _ = await platform.Api.CallAsync(name, """{"spin":1}""");
        Assert.True(_processes.Alive().Count >= 4, "the children are there");
        await _processes.StandStillAsync();
        Assert.Equal(1, (int)await platform.Api.CallAsync(name));
        await _processes.StandStillAsync();
    }

    [Fact]
    public async Task H21_what_outlives_its_runtime_ends_with_it()
    {
        var name = await DeployMarkedAsync("""
            import os, time
            def handler(event, context):
                if event.get("leave"):
                    if os.fork() == 0:
                        os.setsid()
                        if os.fork() == 0:
                            while True:
                                pass
                        os._exit(0)
                    time.sleep(0.2)
                    os._exit(1)
                return 1
            """);
        _ = await platform.Api.CallAsync(name);
        _ = await platform.Api.FailAsync(name, """{"leave":1}""");
        await Until.TrueAsync(() => _processes.Alive().Count == 0, "neither runtime nor orphan is left", TimeSpan.FromSeconds(5));
        Assert.Equal(1, (int)await platform.Api.CallAsync(name));
    }

    [Fact]
    public async Task H21_hanging_up_on_next_buys_no_processor_time()
    {
        var name = await DeployMarkedAsync(RawRuntime.Loop + """
            def serve(id, event):
                reply(id, 1)
                while event.get("away"):
                    s = connect(None)
                    s.sendall(request("GET", "invocation/next"))
                    time.sleep(0.003)
                    s.close()
                    until = time.time() + 0.02
                    while time.time() < until:
                        pass
            loop(serve)
            """);
        _ = await platform.Api.CallAsync(name);
        _ = await platform.Api.CallAsync(name, """{"away":1}""");
        await _processes.StandStillAsync(orGone: true);
        await Until.TrueAsync(async () => (await platform.Api.InvokeAsync(name)).Text == "1", "the function is served again");
    }

    private Task<string> DeployMarkedAsync(string code, int timeoutSeconds = 5) => platform.Api.DeployAsync(code, request =>
    {
        request["MemorySize"] = 256;
        request["Timeout"] = timeoutSeconds;
        request["Environment"] = new JsonObject { ["Variables"] = new JsonObject { [MarkedProcesses.Variable] = _processes.Mark } };
    });

    /// <summary>Deletes the function; how long its processes lived on.</summary>
    private async Task<TimeSpan> DeleteAsync(string name)
    {
        var began = TimeProvider.System.GetTimestamp();
        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", $"/2015-03-31/functions/{name}")).Status);
        await Until.TrueAsync(() => _processes.Alive().Count == 0, "its processes are gone");
        return TimeProvider.System.GetElapsedTime(began);
    }
}
