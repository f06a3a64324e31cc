using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Lifecycle;

/// <summary>Runs that the platform cuts off, or whose runtime ends in the middle: the error of AWS, and the next call works.</summary>
[Collection(Platform.Collection)]
public sealed class InterruptedTests(Platform platform)
{
    private const string Fragile = """
        import os, signal, sys, time
        runs = 0
        def handler(event, context):
            global runs
            runs += 1
            with open("/tmp/runs", "a") as file:
                file.write("r")
            match event.get("do"):
                case "sleep": time.sleep(30)
                case "spin":
                    while True: pass
                case "exit": sys.exit(event["status"])
                case "vanish": os._exit(event["status"])
                case "kill": os.kill(os.getpid(), signal.SIGKILL)
                case "segv": os.kill(os.getpid(), signal.SIGSEGV)
                case "eat":
                    hoard = [b"x" * 1048576 for _ in range(300)]
            return {"runs": runs, "files": os.path.getsize("/tmp/runs")}
        """;

    [Theory]
    [InlineData("sleep")]
    [InlineData("spin")]
    public async Task A_timeout_ends_the_run_and_keeps_tmp(string what)
    {
        var name = await platform.Api.DeployAsync(Fragile, request => request["Timeout"] = 1);
        Assert.Equal(1, (int?)(await platform.Api.CallAsync(name))["runs"]);

        var began = TimeProvider.System.GetTimestamp();
        var cut = await platform.Api.InvokeTailAsync(name, $$"""{"do":"{{what}}"}""");
        var took = TimeProvider.System.GetElapsedTime(began);
        Assert.Equal((200, "Unhandled"), (cut.Status, cut.FunctionError));
        Assert.Equal($$"""{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {{cut.RequestId}} Error: Task timed out after 1.00 seconds"}""", cut.Text);
        Assert.InRange(took.TotalSeconds, 1, 2.5);
        Assert.Matches($@"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z {cut.RequestId} Task timed out after 1\.00 seconds\n", cut.LogTail);
        var report = Reports.Of(cut.LogTail);
        Assert.Equal((1000L, "timeout"), (report.BilledMilliseconds, report.Status));

        var next = await platform.Api.CallAsync(name);
        Assert.Equal((1, 3), ((int)next["runs"]!, (int)next["files"]!));
    }

    [Theory]
    [InlineData("""{"do":"exit","status":3}""", "Runtime exited with error: exit status 3")]
    [InlineData("""{"do":"vanish","status":7}""", "Runtime exited with error: exit status 7")]
    [InlineData("""{"do":"vanish","status":0}""", "Runtime exited without providing a reason")]
    [InlineData("""{"do":"kill"}""", "Runtime exited with error: signal: killed")]
    [InlineData("""{"do":"segv"}""", "Runtime exited with error: signal: segmentation fault")]
    public async Task A_runtime_that_ends_is_an_error_and_is_replaced(string how, string reason)
    {
        var name = await platform.Api.DeployAsync(Fragile);
        _ = await platform.Api.CallAsync(name);
        var ended = await platform.Api.InvokeTailAsync(name, how);
        Assert.Equal((200, "Unhandled"), (ended.Status, ended.FunctionError));
        Assert.Equal($$"""{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {{ended.RequestId}} Error: {{reason}}"}""", ended.Text);
        var report = Reports.Of(ended.LogTail);
        Assert.Equal(("error", "Runtime.ExitError"), (report.Status, report.ErrorType));
        Assert.Contains($"RequestId: {ended.RequestId} Error: {reason}\nRuntime.ExitError\n", ended.LogTail, StringComparison.Ordinal);
        Assert.Equal(1, (int?)(await platform.Api.CallAsync(name))["runs"]);
    }

    [Fact]
    public async Task Too_much_memory_is_an_error_that_says_so()
    {
        var name = await platform.Api.DeployAsync(Fragile, request => request["MemorySize"] = 128);
        var killed = await platform.Api.InvokeTailAsync(name, """{"do":"eat"}""");
        Assert.Equal((200, "Unhandled"), (killed.Status, killed.FunctionError));
        Assert.Equal($"RequestId: {killed.RequestId} Error: Runtime exited with error: signal: killed", (string?)killed.Json!["errorMessage"]);
        var report = Reports.Of(killed.LogTail);
        Assert.Equal(("error", "Runtime.OutOfMemory"), (report.Status, report.ErrorType));
        Assert.InRange(report.MaxMemoryUsedMb, 120, 128);
        Assert.Equal(1, (int?)(await platform.Api.CallAsync(name))["runs"]);

        var roomy = await platform.Api.DeployAsync(Fragile, request => request["MemorySize"] = 512);
        Assert.Equal(1, (int?)(await platform.Api.CallAsync(roomy, """{"do":"eat"}"""))["runs"]);
    }

    [Fact]
    public async Task Payloads_have_the_limits_of_AWS()
    {
        var echo = await platform.Api.DeployAsync("def handler(event, context):\n    return event if isinstance(event, str) else 'x' * event['n']\n", request => request["MemorySize"] = 512);
        var payload = new byte[6_291_456];
        payload.AsSpan().Fill((byte)'a');
        payload[0] = payload[^1] = (byte)'"';
        var answer = await platform.Api.InvokeAsync(echo, payload);
        Assert.True(answer.FunctionError is null, answer.FunctionError + answer.Text[..Math.Min(300, answer.Text.Length)]);
        Assert.True(answer.Body.AsSpan().SequenceEqual(payload));

        var largest = await platform.Api.InvokeAsync(echo, new JsonObject { ["n"] = 6_291_554 }.ToJsonString());
        Assert.Equal((null, 6_291_556), (largest.FunctionError, largest.Body.Length));
        var tooLarge = await platform.Api.FailAsync(echo, new JsonObject { ["n"] = 6_291_555 }.ToJsonString());
        Assert.Equal(
            """{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}""",
            tooLarge.ToJsonString());
        Assert.Equal("\"xxx\"", (await platform.Api.CallAsync(echo, """{"n":3}""")).ToJsonString());
    }
}
