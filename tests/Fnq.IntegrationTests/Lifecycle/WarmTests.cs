using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Lifecycle;

/// <summary>What an environment keeps from one invocation to the next, and what it shows of itself.</summary>
[Collection(Platform.Collection)]
public sealed class WarmTests(Platform platform)
{
    private const string Counter = """
        import os, time
        inits = open("/tmp/inits", "a"); inits.write("i"); inits.close()
        runs = 0
        def handler(event, context):
            global runs
            runs += 1
            with open("/tmp/runs", "a") as file:
                file.write("r")
            return {"runs": runs, "inits": os.path.getsize("/tmp/inits"), "files": os.path.getsize("/tmp/runs"), "stream": context.log_stream_name}
        """;

    private const string Background = """
        import threading, time
        ticks = 0
        def count():
            global ticks
            while True:
                time.sleep(0.005)
                ticks += 1
        threading.Thread(target=count, daemon=True).start()
        before = None
        def handler(event, context):
            now = ticks
            time.sleep(event.get("s", 0))
            return {"at_begin": now, "at_end": ticks, "clock": time.monotonic()}
        """;

    private const string Limits = """
        import os, resource, multiprocessing, time
        def read(path):
            try:
                with open(path) as file:
                    return file.read().strip()
            except OSError:
                return None
        def handler(event, context):
            began, cpu = time.monotonic(), time.process_time()
            while time.monotonic() - began < event.get("s", 0):
                pass
            return {
                "cpu": (time.process_time() - cpu) / max(time.monotonic() - began, 1e-9),
                "environment": dict(os.environ), "uid": os.getuid(), "cwd": os.getcwd(), "pid1": read("/proc/1/comm"),
                "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                "tmp_mb": os.statvfs("/tmp").f_bavail * os.statvfs("/tmp").f_frsize // 1048576,
                "task": os.access("/var/task", os.W_OK), "root": os.access("/", os.W_OK), "tmp": os.access("/tmp", os.W_OK),
            }
        """;

    [Fact]
    public async Task Module_state_and_tmp_survive_and_init_happens_once()
    {
        var name = await platform.Api.DeployAsync(Counter);
        var streams = new HashSet<string>();
        for (var run = 1; run <= 4; run++)
        {
            var result = await platform.Api.CallAsync(name);
            Assert.Equal((run, 1, run), ((int)result["runs"]!, (int)result["inits"]!, (int)result["files"]!));
            streams.Add((string)result["stream"]!);
        }

        Assert.Single(streams);
    }

    [Fact]
    public async Task Init_duration_is_reported_on_a_cold_start_only()
    {
        var name = await platform.Api.DeployAsync("import time\ntime.sleep(0.2)\ndef handler(event, context):\n    return 1\n");
        var cold = (await platform.Api.InvokeTailAsync(name)).LogTail;
        var warm = (await platform.Api.InvokeTailAsync(name)).LogTail;
        var report = Reports.Of(cold);
        Assert.InRange(report.InitMilliseconds!.Value, 200, 5_000);
        Assert.InRange(report.BilledMilliseconds - report.InitMilliseconds.Value - report.DurationMilliseconds, -0.01, 1.01);
        Assert.Equal(128, report.MemorySizeMb);
        Assert.InRange(report.MaxMemoryUsedMb, 1, 128);
        var second = Reports.Of(warm);
        Assert.Null(second.InitMilliseconds);
        Assert.InRange(second.BilledMilliseconds - second.DurationMilliseconds, -0.005, 1.005);
        Assert.DoesNotContain("INIT_START", warm, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Between_invocations_nothing_of_the_function_runs()
    {
        var name = await platform.Api.DeployAsync(Background);
        var first = await platform.Api.CallAsync(name, """{"s":0.3}""");
        Assert.True((int)first["at_end"]! - (int)first["at_begin"]! > 10, "the thread runs while the function does");

        // Another function's second is time that passes on the same worker; the thread must not have seen it.
        var other = await platform.Api.DeployAsync("import time\ndef handler(event, context):\n    time.sleep(1)\n    return 1\n");
        _ = await platform.Api.CallAsync(other);
        var second = await platform.Api.CallAsync(name);
        Assert.True((double)second["clock"]! - (double)first["clock"]! > 1, "a second has passed");
        Assert.InRange((int)second["at_begin"]! - (int)first["at_end"]!, 0, 30);
    }

    [Fact]
    public async Task The_function_sees_its_limits_and_no_more()
    {
        var name = await platform.Api.DeployAsync(Limits, request =>
        {
            request["MemorySize"] = 884; // Half a vCPU.
            request["EphemeralStorage"] = new JsonObject { ["Size"] = 600 };
        });
        var seen = await platform.Api.CallAsync(name, """{"s":2}""");
        Assert.InRange((double)seen["cpu"]!, 0.05, 0.62);
        Assert.Equal("/var/task", (string?)seen["cwd"]);
        Assert.Equal(1024, (int?)seen["files"]);
        Assert.InRange((int)seen["tmp_mb"]!, 598, 601);
        Assert.NotEqual(0, (int?)seen["uid"]);
        Assert.Equal((false, false, true), ((bool)seen["task"]!, (bool)seen["root"]!, (bool)seen["tmp"]!));
    }

    [Theory]
    [InlineData("python3.13")]
    [InlineData("nodejs20.x")]
    [InlineData("provided.al2023")]
    public async Task The_environment_has_the_variables_of_AWS_and_no_others(string runtime)
    {
        var (file, handler, code) = runtime switch
        {
            "python3.13" => ("app.py", "app.handler", "import os\ndef handler(event, context):\n    return dict(os.environ)\n"),
            "nodejs20.x" => ("app.mjs", "app.handler", "export const handler = async () => ({ ...process.env });\n"),
            _ => ("bootstrap", "app.handler", Bootstraps.PrintingEnvironment),
        };
        var name = await platform.Api.DeployAsync(
            code,
            request =>
            {
                request["Environment"] = new JsonObject { ["Variables"] = new JsonObject { ["GREETING"] = "hi $HOME \"q\"" } };
                request["MemorySize"] = 256;
            },
            runtime, file, handler);
        var seen = (await platform.Api.CallAsync(name)).AsObject().ToDictionary(pair => pair.Key, pair => (string)pair.Value!);
        Assert.Equal(ExpectedVariables.Names(runtime).Append("GREETING").Order(StringComparer.Ordinal), seen.Keys.Order(StringComparer.Ordinal));
        foreach (var (variable, value) in ExpectedVariables.Values(runtime, name))
        {
            Assert.Equal((variable, value), (variable, seen[variable]));
        }

        Assert.Equal("hi $HOME \"q\"", seen["GREETING"]);
        Assert.Matches("^Root=1-[0-9a-f]{8}-[0-9a-f]{24};.*Sampled=0$", seen["_X_AMZN_TRACE_ID"]);
        Assert.Matches(@"^[0-9.]+:9001$", seen["AWS_LAMBDA_RUNTIME_API"]);
    }

    [Fact]
    public async Task An_idle_environment_is_shut_down()
    {
        await using var node = await platform.StartServerAsync("idle", new Dictionary<string, string?> { ["FNQ_IDLE_TIMEOUT_SECONDS"] = "2" });
        using var api = new LambdaApi(node.Address, Platform.AccessKeyId, Platform.Secret);
        var name = await api.DeployAsync(Counter);
        var stream = (string)(await api.CallAsync(name))["stream"]!;
        var streams = new HashSet<string> { stream };
        await Until.TrueAsync(
            async () => !(await api.Plain.GetStringAsync(new Uri(node.Address, "/metrics"))).Split('\n')
                .Any(line => line.StartsWith("fnq_environments{", StringComparison.Ordinal) && !line.Contains("} 0", StringComparison.Ordinal)),
            "no environment is left");
        var again = await api.CallAsync(name);
        Assert.Equal((1, 1, 1), ((int)again["runs"]!, (int)again["inits"]!, (int)again["files"]!));
        Assert.True(streams.Add((string)again["stream"]!), "a new environment has a log stream of its own");
    }
}
