using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>Log tail, client context, dry run, qualifiers and headers of an invocation.</summary>
[Collection(Platform.Collection)]
public sealed class InvokeOptionsTests(Platform platform)
{
    private const string Echo = """
        runs = 0
        def handler(event, context):
            global runs
            runs += 1
            print("hello from the function")
            client = context.client_context
            return {
                "event": event, "runs": runs, "arn": context.invoked_function_arn, "id": context.aws_request_id,
                "name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb,
                "group": context.log_group_name, "stream": context.log_stream_name, "left": context.get_remaining_time_in_millis(),
                "custom": client.custom if client else None, "title": client.client.app_title if client else None,
            }
        """;

    [Fact]
    public async Task The_log_tail_comes_with_the_answer()
    {
        var folder = platform.NewFolder();
        var name = await platform.Api.DeployAsync(Echo);
        var invoked = await platform.Cli(folder).RunAsync("lambda", "invoke", "--function-name", name, "--log-type", "Tail", "out.json");
        var tail = Encoding.UTF8.GetString(Convert.FromBase64String((string)invoked!["LogResult"]!));
        var id = Regex.Match(tail, "START RequestId: ([0-9a-f-]{36}) Version: \\$LATEST\n").Groups[1].Value;
        Assert.NotEmpty(id);
        Assert.Contains("\nhello from the function\n", tail, StringComparison.Ordinal);
        Assert.Contains($"\nEND RequestId: {id}\n", tail, StringComparison.Ordinal);
        Assert.Contains($"\nREPORT RequestId: {id}\tDuration: ", tail, StringComparison.Ordinal);
        Assert.Contains(id, await File.ReadAllTextAsync(Path.Combine(folder, "out.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_context_tells_the_function_what_it_is()
    {
        var name = await platform.Api.DeployAsync(Echo, request => request["Timeout"] = 5);
        var answer = await platform.Api.InvokeAsync(name, """{"a":[1,2.5,"ä"]}""");
        var result = answer.Json!;
        Assert.Equal("""{"a":[1,2.5,"ä"]}""", result["event"]!.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
        Assert.Equal($"arn:aws:lambda:us-east-1:123456789012:function:{name}", (string?)result["arn"]);
        Assert.Equal(answer.RequestId, (string?)result["id"]);
        Assert.Equal((name, "$LATEST", "128"), ((string?)result["name"], (string?)result["version"], (string?)result["memory"]));
        Assert.Equal($"/aws/lambda/{name}", (string?)result["group"]);
        Assert.Matches(@"^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$", (string?)result["stream"]);
        Assert.InRange((int)result["left"]!, 1, 5000);
        Assert.Equal("$LATEST", answer.Headers["X-Amz-Executed-Version"]);
        Assert.Matches("^root=1-[0-9a-f]{8}-[0-9a-f]{24};sampled=0$", answer.Headers["X-Amzn-Trace-Id"]);
        Assert.Equal("application/json", answer.Headers["Content-Type"]);
    }

    [Fact]
    public async Task A_qualified_name_shows_in_the_context_only()
    {
        var name = await platform.Api.DeployAsync(Echo);
        var result = await platform.Api.CallAsync($"arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3A{name}%3A%24LATEST");
        Assert.Equal($"arn:aws:lambda:us-east-1:123456789012:function:{name}:$LATEST", (string?)result["arn"]);
        Assert.Equal(2, (int?)(await platform.Api.CallAsync(name))["runs"]);
    }

    [Fact]
    public async Task The_client_context_reaches_the_function()
    {
        var folder = platform.NewFolder();
        var name = await platform.Api.DeployAsync(Echo);
        var context = Convert.ToBase64String("""{"client":{"app_title":"shop"},"custom":{"k":"v"},"env":{}}"""u8);
        _ = await platform.Cli(folder).RunAsync("lambda", "invoke", "--function-name", name, "--client-context", context, "out.json");
        var result = System.Text.Json.Nodes.JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "out.json")))!;
        Assert.Equal("v", (string?)result["custom"]!["k"]);
        Assert.Equal("shop", (string?)result["title"]);
    }

    [Fact]
    public async Task A_dry_run_does_not_run()
    {
        var name = await platform.Api.DeployAsync(Echo);
        var dry = await platform.Api.InvokeAsync(name, "{}", new Dictionary<string, string> { ["X-Amz-Invocation-Type"] = "DryRun" });
        Assert.Equal((204, 0), (dry.Status, dry.Body.Length));
        Assert.Equal(1, (int?)(await platform.Api.CallAsync(name))["runs"]);
    }

    [Fact]
    public async Task An_empty_payload_is_an_empty_event_and_no_result_is_null()
    {
        var name = await platform.Api.DeployAsync("def handler(event, context):\n    return None if event == {} else event\n");
        var answer = await platform.Api.InvokeAsync(name, "");
        Assert.Equal((200, "null"), (answer.Status, answer.Text));
    }
}
