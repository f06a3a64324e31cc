using System.Text.Json;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Fnq.IntegrationTests.Lifecycle;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions that speak to their Runtime API what no runtime speaks.</summary>
[Collection(Platform.Collection)]
public sealed class RuntimeApiTests(Platform platform)
{
    private const string TooLarge =
        """{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}""";

    [Fact]
    public async Task H13_a_response_that_is_too_large_or_never_ends_is_cut_and_the_next_call_works()
    {
        var name = await platform.Api.DeployAsync(RawRuntime.Sockets + """
            def handler(event, context):
                path = f"invocation/{context.aws_request_id}/response"
                if event.get("do") == "size":
                    return status("POST", path, b"x" * (6 * 1024 * 1024 + 101))
                if event.get("do") == "endless":
                    s, sent = connect(), 0
                    s.sendall(request("POST", path, headers="Transfer-Encoding: chunked\r\n"))
                    try:
                        while sent < 1 << 30:
                            s.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                            sent += 65536
                    except OSError:
                        pass
                    with open("/tmp/sent", "w") as file:
                        file.write(str(sent))
                return int(open("/tmp/sent").read()) if os.path.exists("/tmp/sent") else 0
            """, request => request["MemorySize"] = 512);
        var before = WorkerFigures.ResidentMb(platform.Server.Pid);
        Assert.Equal(TooLarge, (await platform.Api.FailAsync(name, """{"do":"size"}""")).ToJsonString());
        Assert.Equal(0, (int)await platform.Api.CallAsync(name));
        Assert.Equal(TooLarge, (await platform.Api.FailAsync(name, """{"do":"endless"}""")).ToJsonString());
        Assert.InRange((long)await platform.Api.CallAsync(name), 6 * 1024 * 1024, 64 * 1024 * 1024);
        Assert.InRange(WorkerFigures.ResidentMb(platform.Server.Pid) - before, double.NegativeInfinity, 96);
    }

    [Fact]
    public async Task H14_a_slow_response_is_bounded_by_the_timeout_of_the_function_and_by_nothing_else()
    {
        const string code = RawRuntime.Sockets + """
            def handler(event, context):
                s = connect()
                s.sendall(request("POST", f"invocation/{context.aws_request_id}/response", headers=f"Content-Length: {event['bytes']}\r\n"))
                for digit in range(event["bytes"]):
                    time.sleep(1)
                    s.sendall(b"7")
                return read(s)[0]
            """;
        var patient = platform.Api.DeployAsync(code, request => request["Timeout"] = 30);
        var strict = platform.Api.DeployAsync(code, request => request["Timeout"] = 3);
        var slow = platform.Api.CallAsync(await patient, """{"bytes":8}""");
        var began = TimeProvider.System.GetTimestamp();
        var cut = await platform.Api.FailAsync(await strict, """{"bytes":60}""");
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 3, 5);
        Assert.Equal("Sandbox.Timedout", (string?)cut["errorType"]);
        Assert.Equal(77_777_777, (int)await slow);
    }

    [Fact]
    public async Task H15_the_first_response_wins_and_no_other_id_is_answered()
    {
        var other = await platform.Api.DeployAsync("import time\ndef handler(event, context):\n    time.sleep(4)\n    return context.aws_request_id\n");
        var name = await platform.Api.DeployAsync(RawRuntime.Sockets + """
            def handler(event, context):
                if event.get("seen"):
                    return json.load(open("/tmp/seen"))
                def post(id, body):
                    return status("POST", f"invocation/{id}/response", body)
                foreign = [post(event["other"], b'"stolen"'), status("POST", f"invocation/{event['other']}/error", b'"stolen"')]
                wrong = [post("x", b"1"), post("../next", b"1"), post("%2e%2e", b"1"), post("9" * 5000, b"1"), post("00000000-0000-0000-0000-000000000000", b"1")]
                next = [status("GET", "invocation/../next"), status("GET", "invocation/next"), status("GET", f"invocation/{context.aws_request_id}/../next")]
                first = post(context.aws_request_id, json.dumps({"foreign": foreign, "wrong": wrong, "next": next}).encode())
                second = [post(context.aws_request_id, b'"second"'), status("POST", f"invocation/{context.aws_request_id}/error", b'"second"')]
                open("/tmp/seen", "w").write(json.dumps([first, second]))
                return "third"
            """);
        var running = platform.Api.CallAsync(other);
        var id = "";
        await Until.TrueAsync(
            () => (id = StartedId(StoredLog.Lines(platform, other))) != "",
            "the other function has begun");
        var result = await platform.Api.CallAsync(name, $$"""{"other":"{{id}}"}""");
        Assert.Equal("""{"foreign":[400,400],"wrong":[400,404,404,400,400],"next":[404,403,403]}""", result.ToJsonString());

        // 400 once the next event is on its way, and the id is a past one's.
        Assert.Matches(@"^\[202,\[40[03],40[03]\]\]$", (await platform.Api.CallAsync(name, """{"seen":1}""")).ToJsonString());
        Assert.Equal(id, (string?)await running);
    }

    [Fact]
    public async Task H16_a_second_next_is_refused()
    {
        var name = await platform.Api.DeployAsync(RawRuntime.Loop + """
            first = connect(None)
            first.sendall(request("GET", "invocation/next"))
            time.sleep(0.2)
            others = [status("GET", "invocation/next") for _ in range(3)]
            code, headers, body = read(first)
            reply(headers["lambda-runtime-aws-request-id"], others)
            loop(lambda id, event: reply(id, "again"))
            """);
        Assert.Equal("[403,403,403]", (await platform.Api.CallAsync(name)).ToJsonString());
        Assert.Equal("again", (string?)await platform.Api.CallAsync(name));
    }

    [Fact]
    public async Task H16_a_thousand_connections_leave_the_worker_and_its_other_functions_alone()
    {
        var neighbour = await platform.Api.DeployAsync("def handler(event, context):\n    return 1\n");
        _ = await platform.Api.CallAsync(neighbour);
        var name = await platform.Api.DeployAsync(RawRuntime.Sockets + """
            def handler(event, context):
                held, alive, closed = [], 0, 0
                while time.time() < event["until"] and len(held) < 1000:
                    s = connect()
                    s.settimeout(5)
                    held.append(s)
                for s in held:
                    try:
                        s.sendall(request("GET", "../ping"))
                        alive += read(s)[0] == 200
                    except OSError:
                        pass
                return {"opened": len(held), "alive": alive}
            """, request => request["Timeout"] = 60);
        var before = WorkerFigures.Descriptors(platform.Server.Pid);
        var attack = platform.Api.CallAsync(name, $$"""{"until":{{TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 30}}}""");
        var (most, calls) = (0, 0);
        while (!attack.IsCompleted)
        {
            Assert.Equal(1, (int)await platform.Api.CallAsync(neighbour));
            most = Math.Max(most, WorkerFigures.Descriptors(platform.Server.Pid));
            calls++;
        }

        var result = await attack;
        Assert.True((int)result["opened"]! > 900 && calls > 0, result.ToJsonString());
        Assert.InRange((int)result["alive"]!, 10, 16);
        Assert.InRange(most - before, 0, 60);
        await Until.TrueAsync(() => WorkerFigures.Descriptors(platform.Server.Pid) <= before + 30, "the worker's descriptors are back");
    }

    [Fact]
    public async Task H16_a_flood_of_calls_costs_the_worker_no_more_than_a_trickle()
    {
        var name = await platform.Api.DeployAsync(RawRuntime.Sockets + """
            def handler(event, context):
                answered = [0]
                def flood():
                    s, burst = connect(), request("GET", "../ping") * 2000
                    def send():
                        try:
                            while True:
                                s.sendall(burst)
                        except OSError:
                            pass
                    threading.Thread(target=send, daemon=True).start()
                    try:
                        while time.time() < end:
                            answered[0] += s.recv(1 << 20).count(b"pong")
                    except OSError:
                        pass
                    s.close()
                end = time.time() + 4
                threads = [threading.Thread(target=flood) for _ in range(12)]
                [t.start() for t in threads]
                [t.join() for t in threads]
                return answered[0]
            """, request => request["MemorySize"] = 512);
        var used = WorkerCpu();
        var answered = (int)await platform.Api.CallAsync(name);
        used = WorkerCpu() - used;
        TestContext.Current.TestOutputHelper?.WriteLine($"{answered} pings answered in 4 s; the worker used {used:F2} s of processor time");
        Assert.InRange(answered, 10, 600);
        Assert.InRange(used, 0, 2);
    }

    [Fact]
    public async Task H18_an_error_of_any_size_and_shape_is_passed_on_as_text_and_never_parsed()
    {
        var name = await platform.Api.DeployAsync(RawRuntime.Sockets + """
            def handler(event, context):
                body = {"large": b'{"errorMessage":"' + b"\\n at f" * 1_500_000 + b'"}', "deep": b"[" * 3_000_000, "none": b"\xff\x00 not JSON \x1b[2J", "empty": b""}
                return status("POST", f"invocation/{context.aws_request_id}/error", body[event["body"]], "Lambda-Runtime-Function-Error-Type: Function.Deep\r\n")
            """, request => request["MemorySize"] = 512);
        var cut = await platform.Api.FailAsync(name, """{"body":"large"}""");
        Assert.Equal("Function.Deep", (string?)cut["errorType"]);
        Assert.StartsWith("{\"errorMessage\":\"\\n at f", (string?)cut["errorMessage"], StringComparison.Ordinal);
        Assert.EndsWith("[truncated by Fnq: error beyond 6291556 bytes]", (string?)cut["errorMessage"], StringComparison.Ordinal);
        var deep = await platform.Api.InvokeAsync(name, """{"body":"deep"}""");
        Assert.Equal(("Unhandled", 3_000_000), (deep.FunctionError, deep.Body.Length));
        var none = await platform.Api.InvokeAsync(name, """{"body":"none"}""");
        Assert.Equal("\u00ff\0 not JSON \u001b[2J", System.Text.Encoding.Latin1.GetString(none.Body));
        Assert.Equal("Unhandled", (await platform.Api.InvokeAsync(name, """{"body":"empty"}""")).FunctionError);
    }

    [Theory]
    [InlineData("Function.Broken", "Function.Broken")]
    [InlineData("Runtime.Broken\tStatus: fine\tBilled Duration: 0 ms", "Runtime.Unknown")]
    [InlineData("Function.<script>", "Function.Unknown")]
    [InlineData("", "Runtime.Unknown")]
    public async Task H19_the_type_of_an_error_is_believed_only_if_it_looks_like_one(string claimed, string told)
    {
        var name = await platform.Api.DeployAsync(RawRuntime.Sockets + $$"""
            call("POST", "init/error", b"{}", "Lambda-Runtime-Function-Error-Type: " + {{JsonSerializer.Serialize(claimed)}} + "\r\n")
            os._exit(1)
            """);
        var failed = await platform.Api.InvokeTailAsync(name);
        Assert.Equal(("Unhandled", "{}"), (failed.FunctionError, failed.Text));
        var report = Reports.Of(failed.LogTail);
        Assert.Equal(("error", told), (report.Status, report.ErrorType));
    }

    private double WorkerCpu() => Sandboxes.HostView.CpuTicks(platform.Server.Pid) / 100.0;

    private static string StartedId(IEnumerable<string> log) => log
        .Where(line => line.Contains(" START RequestId: ", StringComparison.Ordinal))
        .Select(line => line.Split("RequestId: ")[1].Split(' ')[0]).FirstOrDefault("");
}
