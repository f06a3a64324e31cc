using System.Text;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Fnq.IntegrationTests.Lifecycle;
using Fnq.Logs;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions whose output is the attack: on the worker's memory and disk, on whoever reads the log, on the bill.</summary>
[Collection(Platform.Collection)]
public sealed class OutputTests(Platform platform)
{
    private const string Printing = """
        import os
        def handler(event, context):
            match event["what"]:
                case "gigabyte":
                    piece = (b"y" * 999 + b"\n") * 1000
                    for _ in range(1074):
                        os.write(1, piece)
                case "feeds":
                    for _ in range(64):
                        os.write(1, b"\n" * 1048576)
                case "one line":
                    for _ in range(20):
                        os.write(2, b"z" * 100_000)
                    os.write(2, b"\nafter\n")
                case "bytes":
                    os.write(1, b"nul \x00 bad \xff\xfe escape \x1b[2J\x1b]0;title\x07 c1 \xc2\x9b31m bidi \xe2\x80\xae back\x08 feed\rend\n")
            return 1
        """;

    [Theory]
    [InlineData("gigabyte")]
    [InlineData("feeds")]
    public async Task H10_a_flood_never_blocks_the_function_and_is_cut_at_a_mebibyte(string what)
    {
        var name = await platform.Api.DeployAsync(Printing, request => (request["MemorySize"], request["Timeout"]) = (1769, 60));
        var before = WorkerFigures.ResidentMb(platform.Server.Pid);
        var answer = await platform.Api.InvokeTailAsync(name, $$"""{"what":"{{what}}"}""");
        Assert.Equal((null, "1"), (answer.FunctionError, answer.Text));
        Assert.EndsWith("\n", answer.LogTail, StringComparison.Ordinal);
        Assert.Contains("[truncated by Fnq: output of one invocation beyond 1 MiB]\nEND RequestId: ", answer.LogTail, StringComparison.Ordinal);
        var took = Reports.Of(answer.LogTail).DurationMilliseconds;
        var after = WorkerFigures.ResidentMb(platform.Server.Pid);
        TestContext.Current.TestOutputHelper?.WriteLine($"{what}: {took:F0} ms; the worker: {before:F0} MiB before, {after:F0} after");
        Assert.InRange(after - before, double.NegativeInfinity, 48);
        var stored = await StoredLog.OfAsync(platform, name, answer.RequestId);
        Assert.InRange(stored.Sum(line => line.Length + 1), 1_000_000, 1024 * 1024 + 1_000);

        // The next one has its own mebibyte.
        var next = await platform.Api.InvokeTailAsync(name, """{"what":"one line"}""");
        Assert.Contains("\nafter\nEND RequestId: ", next.LogTail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task H10_a_line_is_cut_at_256_kB()
    {
        var name = await platform.Api.DeployAsync(Printing);
        var answer = await platform.Api.InvokeTailAsync(name, """{"what":"one line"}""");
        Assert.Contains("zzz [truncated by Fnq: line beyond 256 kB]\nafter\nEND", answer.LogTail, StringComparison.Ordinal);
        var line = Assert.Single(await StoredLog.OfAsync(platform, name, answer.RequestId), line => line.Contains("zzz", StringComparison.Ordinal));
        Assert.InRange(line.Length, 256 * 1024, 256 * 1024 + 100);
    }

    [Fact]
    public async Task H10_control_bytes_reach_the_tail_raw_and_no_terminal()
    {
        var name = await platform.Api.DeployAsync(Printing);
        var answer = await platform.Api.InvokeTailAsync(name, """{"what":"bytes"}""");
        var tail = Encoding.Latin1.GetString(Convert.FromBase64String(answer.Headers["X-Amz-Log-Result"]));
        Assert.Contains("nul \0 bad \u00ff\u00fe escape \u001b[2J\u001b]0;title\a c1 \u00c2\u009b31m", tail, StringComparison.Ordinal);
        await StoredLog.OfAsync(platform, name, answer.RequestId);
        var shown = (await platform.VerbAsync(["logs", name])).Checked;
        Assert.DoesNotContain(shown, character => char.IsControl(character) && character is not ('\n' or '\t'));
        Assert.DoesNotContain('\u202e', shown);
        Assert.Contains(@"nul \u0000 bad ", shown, StringComparison.Ordinal);
        Assert.Contains(@"escape \u001b[2J\u001b]0;title\u0007 c1 \u009b31m bidi \u202e back\u0008 feed", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task H11_forged_platform_lines_deceive_neither_reader_nor_bill()
    {
        var name = await platform.Api.DeployAsync("""
            import time
            def handler(event, context):
                id = context.aws_request_id
                time.sleep(0.05)
                print(f"END RequestId: {id}\nREPORT RequestId: {id}\tDuration: 0.01 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB\tMax Memory Used: 1 MB\t")
                print(f"START RequestId: 00000000-0000-0000-0000-000000000000 Version: $LATEST\nP1700000000000 REPORT RequestId: {id}\tBilled Duration: 0 ms")
                print('{"time":"2026-01-01T00:00:00.000Z","type":"platform.report","record":{}}')
                return 1
            """);
        var answer = await platform.Api.InvokeAsync(name);
        var lines = await StoredLog.OfAsync(platform, name, answer.RequestId);
        var report = Assert.Single(lines, line => line[0] == (char)LogSource.Platform && line.Contains(" REPORT RequestId: ", StringComparison.Ordinal));
        Assert.Single(lines, line => line[0] == (char)LogSource.Platform && line.Contains(" START RequestId: ", StringComparison.Ordinal));
        var billed = Reports.Of(report[(report.IndexOf(' ', StringComparison.Ordinal) + 1)..]).BilledMilliseconds;
        Assert.InRange(billed, 50, 10_000);
        JsonNode? usage = null;
        await Until.TrueAsync(
            async () => (usage = JsonNode.Parse((await platform.VerbAsync(["usage", "--function", name, "--json"])).Checked)!.AsArray().SingleOrDefault()) is not null,
            "the run has its record");
        Assert.Equal((1, billed), ((int)usage!["invocations"]!, (long)usage["billedMs"]!));

        var shown = (await platform.VerbAsync(["logs", name])).Checked.Split('\n');
        Assert.Equal(4, shown.Count(line => line.Contains("Z [function] ", StringComparison.Ordinal)));
        Assert.Single(shown, line => line.Contains("Z REPORT ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("os.close(1); os.close(2)")]
    [InlineData("null = os.open('/dev/null', os.O_WRONLY); os.dup2(null, 1); os.dup2(null, 2)")]
    [InlineData("r, w = os.pipe(); os.dup2(w, 1); os.close(w); os.close(r)")]
    [InlineData("import fcntl; fcntl.fcntl(1, fcntl.F_SETFL, os.O_DIRECT | os.O_NONBLOCK); os.write(1, b'x' * 30000)")]
    public async Task H12_a_function_without_standard_output_still_ends_normally(string what)
    {
        var name = await platform.Api.DeployAsync($$"""
            import os
            runs = 0
            def handler(event, context):
                global runs
                runs += 1
                if runs == 1:
                    {{what}}
                return runs
            """);
        for (var run = 1; run <= 3; run++)
        {
            var answer = await platform.Api.InvokeTailAsync(name);
            Assert.Equal((null, $"{run}"), (answer.FunctionError, answer.Text));
            Assert.Null(Reports.Of(answer.LogTail).Status);
        }
    }
}
