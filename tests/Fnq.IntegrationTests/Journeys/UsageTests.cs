using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>What an operator sees: usage, logs, health, metrics, and the configuration at start.</summary>
[Collection(Platform.Collection)]
public sealed partial class UsageTests(Platform platform)
{
    private const string Busy = """
        import time
        def handler(event, context):
            time.sleep(event.get("s", 0))
            if event.get("fail"):
                raise ValueError("asked to")
            print("said", event)
            return 1
        """;

    [Fact]
    public async Task Usage_is_the_sum_of_the_reports()
    {
        var name = await platform.Api.DeployAsync(Busy, request => request["MemorySize"] = 256);
        string[] events = ["{}", """{"s":0.05}""", """{"s":0.02}""", """{"fail":true}""", "{}"];
        long billed = 0;
        foreach (var @event in events)
        {
            var answer = await platform.Api.InvokeTailAsync(name, @event);
            billed += long.Parse(BilledPattern().Match(answer.LogTail).Groups[1].Value);
        }

        Assert.True(billed >= 70);
        JsonNode? usage = null;
        await Until.TrueAsync(
            async () =>
            {
                var rows = JsonNode.Parse((await platform.VerbAsync(["usage", "--function", name, "--json"])).Checked)!.AsArray();
                usage = rows.SingleOrDefault();
                return (long?)usage?["invocations"] == events.Length;
            },
            "every run has its record");
        Assert.Equal(name, (string?)usage!["function"]);
        Assert.Equal(billed, (long?)usage["billedMs"]);
        Assert.Equal(billed * 256 / 1024.0 / 1000, (double)usage["gbSeconds"]!, 9);
        Assert.Equal(["function", "invocations", "billedMs", "gbSeconds"], usage.AsObject().Select(member => member.Key));

        var table = (await platform.VerbAsync(["usage", "--function", name])).Checked;
        Assert.Matches($@"{name} +{events.Length} +{billed} ", table);
    }

    [Fact]
    public async Task Logs_show_what_the_function_and_the_platform_wrote()
    {
        var name = await platform.Api.DeployAsync(Busy);
        var first = await platform.Api.InvokeAsync(name, """{"k":1}""");
        var second = await platform.Api.InvokeAsync(name, """{"fail":true}""");
        var logs = "";
        await Until.TrueAsync(
            async () =>
            {
                var shown = await platform.VerbAsync(["logs", name]);
                logs = shown.Output;
                return logs.Contains($"REPORT RequestId: {second.RequestId}", StringComparison.Ordinal);
            },
            "the log shows the second run");
        string[] expected =
        [
            @"\S+ INIT_START Runtime Version: python:3\.13\.v\d+\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}",
            $@"\S+ START RequestId: {first.RequestId} Version: \$LATEST",
            @"\S+ said \{'k': 1\}",
            $"\\S+ END RequestId: {first.RequestId}",
            $"\\S+ REPORT RequestId: {first.RequestId}\t.*",
            $@"\S+ START RequestId: {second.RequestId} Version: \$LATEST",
            @"\S+ \[ERROR\] ValueError: asked to",
            @"    Traceback \(most recent call last\):",
            "    [\u00a0 ]+File \"/var/task/app.py\", line 5, in handler",
            "    [\u00a0 ]+raise ValueError\\(\"asked to\"\\)",
            $"\\S+ END RequestId: {second.RequestId}",
            $"\\S+ REPORT RequestId: {second.RequestId}\t.*",
        ];
        var lines = logs.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(expected.Length, lines.Length);
        Assert.All(lines.Zip(expected), pair => Assert.Matches($"^{pair.Second}$", pair.First));
        Assert.All(lines, line => Assert.Matches(@"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|   ) ", line));

        var unknown = await platform.VerbAsync(["logs", "never-was"]);
        Assert.Equal((1, "No logs of never-was yet.\n"), (unknown.ExitCode, unknown.Output));
    }

    [Fact]
    public async Task Health_and_readiness_answer_without_a_signature()
    {
        Assert.Equal("ok\n", await platform.Api.Plain.GetStringAsync(new Uri(platform.Server.Address, "/healthz")));
        Assert.Equal("ready\n", await platform.Api.Plain.GetStringAsync(new Uri(platform.Server.Address, "/readyz")));
    }

    [Fact]
    public async Task Metrics_count_what_happened()
    {
        var name = await platform.Api.DeployAsync(Busy);
        var before = await MetricsAsync();
        _ = await platform.Api.CallAsync(name);
        _ = await platform.Api.CallAsync(name);
        _ = await platform.Api.FailAsync(name, """{"fail":true}""");
        _ = await platform.Api.InvokeAsync("not-there");
        var after = "";
        await Until.TrueAsync(
            async () => Sum(after = await MetricsAsync(), "fnq_invocations_total", "") - Sum(before, "fnq_invocations_total", "") >= 3,
            "the metrics are of after the invocations: a scrape may be as old as the exporter's cache");
        double Grew(string prefix, string label = "") => Sum(after, prefix, label) - Sum(before, prefix, label);
        Assert.Equal(3, Grew("fnq_invocations_total"));
        Assert.Equal(2, Grew("fnq_invocations_total", "outcome=\"Succeeded\""));
        Assert.Equal(1, Grew("fnq_invocations_total", "outcome=\"FunctionError\""));
        Assert.Equal(1, Grew("fnq_environment_cold_starts_total"));
        Assert.Equal(3, Grew("fnq_run_duration_seconds_count"));
        Assert.Equal(3, Grew("fnq_run_duration_seconds_bucket", "le=\"+Inf\""));
        Assert.Equal(1, Grew("fnq_run_errors_total"));
        Assert.Equal(3, Grew("fnq_invocation_queue_wait_seconds_count"));
        Assert.Equal(1, Grew("fnq_environment_init_duration_seconds_count"));
        Assert.True(Sum(after, "fnq_environments", "phase=\"Ready\"") >= 1);
        Assert.Equal(0, Sum(after, "fnq_environments", "phase=\"Busy\""));
    }

    [Fact]
    public void The_settings_are_logged_at_start_without_secrets()
    {
        var log = platform.Server.Log;
        var start = Assert.Single(log.Split('\n'), line => line.Contains(" starts with ", StringComparison.Ordinal));
        Assert.Contains("roles=api,worker,triggers,scheduler", start, StringComparison.Ordinal);
        Assert.Contains($"listen=127.0.0.1:{platform.Server.Port}", start, StringComparison.Ordinal);
        Assert.Matches(@"amqp=amqp://[0-9a-z.]+:\d+/", start);
        Assert.Matches(@"postgres=postgres://[0-9a-z.]+:\d+/", start);
        Assert.Contains("sandbox=oci", start, StringComparison.Ordinal);
        foreach (var secret in platform.Secrets)
        {
            Assert.DoesNotContain(secret, log, StringComparison.Ordinal);
        }
    }

    private async Task<string> MetricsAsync()
    {
        using var answer = await platform.Api.Plain.GetAsync(new Uri(platform.Server.Address, "/metrics"));
        Assert.StartsWith("text/plain", answer.Content.Headers.ContentType?.ToString(), StringComparison.Ordinal);
        return await answer.Content.ReadAsStringAsync();
    }

    private static double Sum(string metrics, string name, string label) => metrics.Split('\n')
        .Where(line => (line.StartsWith(name + "{", StringComparison.Ordinal) || line.StartsWith(name + " ", StringComparison.Ordinal))
            && line.Contains(label, StringComparison.Ordinal))
        .Sum(line => double.Parse(SamplePattern().Match(line).Groups[1].Value));

    [GeneratedRegex(@"\tBilled Duration: (\d+) ms\t")]
    private static partial Regex BilledPattern();

    /// <summary>The value; a time stamp may follow.</summary>
    [GeneratedRegex(@"^[^ {]+(?:\{[^}]*\})? (\S+)")]
    private static partial Regex SamplePattern();
}
