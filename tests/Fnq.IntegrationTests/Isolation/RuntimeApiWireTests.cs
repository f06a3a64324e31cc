using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Bytes at the Runtime API that are no calls, and runtimes that end in the middle of one.</summary>
[Collection(Platform.Collection)]
public sealed class RuntimeApiWireTests(Platform platform)
{
    private const string Malformed = RawRuntime.Sockets + """
        def handler(event, context):
            post = f"POST {ROOT}invocation/{context.aws_request_id}/response HTTP/1.1\r\nHost: x\r\n".encode()
            next = f"GET {ROOT}invocation/next HTTP/1.1\r\nHost: x\r\n".encode()
            attacks = {
                "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64),
                "header of 70 kB": next + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
                "header of 10 MB": next + b"X: " + b"a" * 10_000_000 + b"\r\n\r\n",
                "target of 100 kB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                "1,000 headers": next + b"".join(b"X-%d: 1\r\n" % n for n in range(1000)) + b"\r\n",
                "two lengths": post + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n11",
                "negative length": post + b"Content-Length: -1\r\n\r\n1",
                "huge length": post + b"Content-Length: 99999999999999999999\r\n\r\n1",
                "huge chunk": post + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n1",
                "bad chunk": post + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n1\r\n0\r\n\r\n",
                "two codings": post + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
                "blank before the colon": post + b"Content-Length : 1\r\n\r\n1",
                "folded": post + b"X: 1\r\n 2\r\nContent-Length: 1\r\n\r\n1",
                "NUL": post + b"X: \0\r\nContent-Length: 1\r\n\r\n1",
                "no host": f"GET {ROOT}invocation/next HTTP/1.1\r\n\r\n".encode(),
                "two hosts": next + b"Host: y\r\n\r\n",
                "noise": os.urandom(4000),
                "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n",
            }
            seen = {name: raw(data)[0] for name, data in attacks.items()}
            # Half a body and the end of the connection: closed, and the response may be posted again at once.
            s = connect()
            s.sendall(post + b"Content-Length: 100\r\n\r\n123")
            s.shutdown(socket.SHUT_WR)
            try:
                seen["truncated"] = read(s)[0]
            except ConnectionError:
                seen["truncated"] = 0
            # What is smuggled into a body stays a body.
            smuggled = raw(post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n42\r\n0\r\n\r\n")[0] if event.get("smuggle") else 0
            return {"seen": seen, "smuggled": smuggled}
        """;

    [Fact]
    public async Task H17_malformed_HTTP_is_refused_and_the_worker_stays_as_large_as_it_was()
    {
        var name = await platform.Api.DeployAsync(Malformed, request => (request["MemorySize"], request["Timeout"]) = (512, 60));
        var first = await platform.Api.InvokeTailAsync(name);
        Assert.True(first.FunctionError is null, first.Text + first.LogTail);
        var before = WorkerFigures.ResidentMb(platform.Server.Pid);
        JsonNode? last = null;
        for (var round = 0; round < 5; round++)
        {
            last = await platform.Api.CallAsync(name);
            foreach (var (attack, status) in last["seen"]!.AsObject())
            {
                Assert.True((int)status! is 0 or 400 or 408 or 414 or 431 or 505, $"{attack}: {status}");
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine(last!.ToJsonString());
        Assert.InRange(WorkerFigures.ResidentMb(platform.Server.Pid) - before, double.NegativeInfinity, 48);
        var smuggled = await platform.Api.InvokeAsync(name, """{"smuggle":1}""");
        Assert.True(smuggled.Text == "42" || smuggled.Json?["smuggled"] is { } refused && (int)refused == 400, smuggled.Text);
        Assert.DoesNotContain("unhandled", platform.Server.Log, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task H17_slow_loris_is_bounded_by_the_timeout_of_the_function()
    {
        var neighbour = await platform.Api.DeployAsync("def handler(event, context):\n    return 1\n");
        var name = await platform.Api.DeployAsync(RawRuntime.Sockets + """
            def handler(event, context):
                held = [connect() for _ in range(15)]
                for letter in request("GET", "invocation/next", headers="X-Slow: " + "a" * 1000):
                    for s in held:
                        s.send(bytes([letter]))
                    time.sleep(0.2)
            """, request => request["Timeout"] = 3);
        var attack = platform.Api.FailAsync(name);
        for (var call = 0; !attack.IsCompleted; call++)
        {
            Assert.Equal(1, (int)await platform.Api.CallAsync(neighbour));
        }

        Assert.Equal("Sandbox.Timedout", (string?)(await attack)["errorType"]);
        Assert.Equal("Sandbox.Timedout", (string?)(await platform.Api.FailAsync(name))["errorType"]);
    }

    [Fact]
    public async Task H17_a_head_that_does_not_come_is_given_up()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("FNQ_TEST_LONG") == "1", "waits for the server's limit of 30 s: FNQ_TEST_LONG=1, or ./fnq test --long");
        var name = await platform.Api.DeployAsync(RawRuntime.Sockets + """
            def handler(event, context):
                began, s = time.time(), connect(60)
                s.sendall(b"GET /")
                return [read(s)[0], time.time() - began]
            """, request => request["Timeout"] = 60);
        var answer = await platform.Api.CallAsync(name);
        Assert.True((int)answer[0]! is 0 or 408, answer.ToJsonString());
        Assert.InRange((double)answer[1]!, 25, 40);
    }

    [Theory]
    [InlineData("before", false)]
    [InlineData("half a head", false)]
    [InlineData("head", false)]
    [InlineData("half a body", false)]
    [InlineData("half an error", false)]
    [InlineData("half a chunk", false)]
    [InlineData("receipt", true)]
    [InlineData("next", true)]
    public async Task H37_a_crash_at_any_step_costs_one_attempt_and_the_environment_comes_back(string step, bool succeeds)
    {
        var name = await platform.Api.DeployAsync(RawRuntime.Loop + """
            starts = os.path.getsize("/tmp/starts") + 1 if os.path.exists("/tmp/starts") else 1
            open("/tmp/starts", "a").write("s")
            def serve(id, event):
                step = event.get("step")
                post = request("POST", f"invocation/{id}/response", headers="Content-Length: 12\r\n")
                if step == "half a head":
                    connect().sendall(post[:-20])
                elif step == "head":
                    connect().sendall(post)
                elif step == "half a body":
                    connect().sendall(post + b'"12')
                elif step == "half an error":
                    connect().sendall(request("POST", f"invocation/{id}/error", headers="Content-Length: 12\r\n") + b'"12')
                elif step == "half a chunk":
                    connect().sendall(request("POST", f"invocation/{id}/response", headers="Transfer-Encoding: chunked\r\n") + b"5\r\n12")
                elif step != "before":
                    reply(id, starts)
                if step == "next":
                    connect().sendall(request("GET", "invocation/next"))
                if step:
                    time.sleep(0.1)
                    os._exit(7)
            loop(serve)
            """);
        Assert.Equal(1, (int)await platform.Api.CallAsync(name));
        var crashed = await platform.Api.InvokeAsync(name, $$"""{"step":"{{step}}"}""");
        if (succeeds)
        {
            Assert.Equal((null, "1"), (crashed.FunctionError, crashed.Text));
        }
        else
        {
            Assert.Equal("Unhandled", crashed.FunctionError);
            Assert.Equal(
                $$"""{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {{crashed.RequestId}} Error: Runtime exited with error: exit status 7"}""",
                crashed.Text);
        }

        // Until its end is noticed, a call may still be given to the process that is about to go: as on AWS, it fails.
        await Until.TrueAsync(async () => (await platform.Api.InvokeAsync(name)).Text == "2", "the environment has been started again");
    }
}
