using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions that use up what the kernel counts per user, or per start of a program.</summary>
[Collection(Platform.Collection)]
public sealed class ExhaustionTests(Platform platform)
{
    private const string Exhausting = """
        import ctypes, os, subprocess, sys
        libc = ctypes.CDLL(None, use_errno=True)
        held = []
        def call(number, *arguments):
            result = libc.syscall(number, *arguments)
            return result if result >= 0 else -ctypes.get_errno()
        kinds = {
            "inotify": lambda i: call(294, 0),
            "timers": lambda i: call(222, 1, None, ctypes.byref(ctypes.c_int())),
            "queues": lambda i: call(240, b"q%d" % i, os.O_CREAT | os.O_RDWR, 0o600, None),
            "segments": lambda i: call(29, 0, 4096, 0o1600),
            "semaphores": lambda i: call(64, 0, 1, 0o1600),
            "messages": lambda i: call(68, 0, 0o1600),
        }
        def until_refused(kind, most):
            for i in range(most):
                result = kinds[kind](i)
                if result < 0: return {"made": i, "errno": -result}
                held.append(result)
            return {"made": most}
        def close():
            for fd in range(3, 1024):
                try:
                    if "inotify" in os.readlink(f"/proc/self/fd/{fd}") or os.readlink(f"/proc/self/fd/{fd}").startswith("/q"): os.close(fd)
                except OSError: pass
        def handler(event, context):
            match event.get("do"):
                case "all": return {kind: until_refused(kind, 200_000) for kind in kinds}
                case "one": return {kind: until_refused(kind, 1) for kind in kinds}
                case "keys": return [call(248, b"user", b"k", b"v", 1, -3), call(250, 0, -3, 1), call(249, b"user", b"k", None, -3)]
                case "arguments":
                    def run(arguments, environ):
                        try: return subprocess.run([sys.executable, "-c", "import sys; print(sum(map(len, sys.argv)))", *arguments], env=environ, stdout=subprocess.PIPE).returncode
                        except OSError as refused: return f"errno {refused.errno}"
                    return [run(["x" * (1 << 20)], None), run(["x" * 1000] * 10_000, None), run([], {f"N{i}": "x" * 1000 for i in range(10_000)}),
                            run(["x" * 1000] * 1000, None)]
            return "alive"
        """;

    [Fact]
    public async Task H34_what_one_function_exhausts_others_still_have()
    {
        Assert.SkipWhen(OciRuntimeUnderTest.IsRunc, "runc joins no user namespace that was made for it: what the kernel counts per user all sandboxes have together");
        var name = await platform.DeployAttackerAsync(Exhausting, memoryMb: 1024, timeoutSeconds: 60);
        var beside = await platform.DeployAttackerAsync(Exhausting);
        await platform.StillServesAsync(beside);
        var exhausted = (await platform.Api.CallAsync(name, """{"do":"all"}""")).AsObject();
        TestContext.Current.SendDiagnosticMessage("{0}", exhausted.ToJsonString());
        Assert.All(["inotify", "timers", "queues", "segments", "semaphores", "messages"], kind => Assert.NotNull(exhausted[kind]!["errno"]));

        // It holds all of it while it lives, and others have their own.
        Assert.All(
            (await platform.Api.CallAsync(beside, """{"do":"one"}""")).AsObject(),
            kind => Assert.True((int?)kind.Value!["made"] == 1, $"{kind.Key}: {kind.Value}"));
        using (var watcher = new FileSystemWatcher(platform.NewFolder()) { EnableRaisingEvents = true })
        {
            Assert.True(watcher.EnableRaisingEvents);
        }

        await platform.StillServesAsync(name);
    }

    [Fact]
    public async Task H34_there_are_no_keyrings()
    {
        var name = await platform.DeployAttackerAsync(Exhausting);
        Assert.Equal([-1, -1, -1], (await platform.Api.CallAsync(name, """{"do":"keys"}""")).AsArray().Select(result => (int)result!));
        await platform.StillServesAsync(name);
    }

    [Fact]
    public async Task H36_more_than_4_kB_of_variables_is_refused_before_it_is_stored()
    {
        var name = $"bomb-{Guid.NewGuid():N}";
        var request = LambdaApi.CreateRequest(name, "python3.13", "app.handler", CodeZip.Of(("app.py", Exhausting)));
        request["Environment"] = new JsonObject { ["Variables"] = new JsonObject { ["BIG"] = new string('x', 4_090) } };
        var big = await platform.Api.CreateAsync(request);
        Assert.Equal((400, "InvalidParameterValueException"), (big.Status, big.ErrorType));
        Assert.StartsWith(
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.",
            big.Message, StringComparison.Ordinal);

        var many = new JsonObject();
        for (var i = 0; i < 10_000; i++)
        {
            many[$"N{i}"] = "";
        }

        request["Environment"] = new JsonObject { ["Variables"] = many };
        var crowd = await platform.Api.CreateAsync(request);
        Assert.Equal((400, "InvalidParameterValueException"), (crowd.Status, crowd.ErrorType));
        Assert.Equal(404, (await platform.Api.SendAsync("GET", $"/2015-03-31/functions/{name}")).Status);
        await platform.StillServesAsync();
    }

    [Fact]
    public async Task H36_bombs_of_arguments_end_the_program_that_was_to_start_and_not_the_function()
    {
        var name = await platform.DeployAttackerAsync(Exhausting);
        var results = await platform.Api.CallAsync(name, """{"do":"arguments"}""");

        // E2BIG: one string over 128 KiB, or all over a quarter of the stack limit. A megabyte in small strings may pass.
        Assert.Equal(["\"errno 7\"", "\"errno 7\"", "\"errno 7\"", "0"], results.AsArray().Select(result => result!.ToJsonString()));
        await platform.StillServesAsync(name);
    }
}
