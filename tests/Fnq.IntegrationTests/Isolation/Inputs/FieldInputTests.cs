using System.Text;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>Rows A8, A9, A32, A35, A36: names and values that attack whoever reads them.</summary>
[Collection(Platform.Collection)]
public sealed class FieldInputTests(Platform platform, GoodFunction good) : HostileInput(platform, good)
{
    private const string Strange =
        "Robert'); drop table functions;-- %_\\ ${jndi:ldap://127.0.0.1:1/a} {{7*7}} <script>alert(1)</script> \u202Eevil\u202C $(touch x) `id` \r\nSet-Cookie: a=b";

    [Theory]
    [InlineData("..%2Fx", 400)]
    [InlineData("a%2Fb", 400)]
    [InlineData("%00", 400)]
    [InlineData("a%0d%0aX-Evil%3A%201", 400)]
    [InlineData("f%D0%BE%D0%BEd", 400)]
    [InlineData("a%ff", 400)]
    [InlineData("%20", 400)]
    [InlineData("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", 400)]
    [InlineData("arn%3Aaws%3Alambda%3Aus-east-1%3A999999999999%3Afunction%3Ax", 403)]
    [InlineData("999999999999%3Afunction%3Ax", 403)]
    [InlineData("arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Ax", 404)]
    [InlineData("", 404)]
    [InlineData("a/b", 404)]
    public async Task A08_names_in_the_path(string name, int status)
    {
        foreach (var (method, path) in ((string, string)[])
            [("GET", $"{Functions}/{name}/configuration"), ("POST", $"{Functions}/{name}/invocations"), ("PUT", $"{Functions}/{name}/code")])
        {
            var (request, lines) = ($"{method} {path}", AuditLines().Count());
            var answer = await RawHttp.SendAsync(Server.Address, RawHttp.Signed(Server.Address, method, path, "{}"));
            Assert.True(answer.Status == status, $"{status} expected for {request}: {answer.Text}");
            Assert.DoesNotContain("X-Evil: 1", answer.Text.Split("\r\n\r\n")[0], StringComparison.OrdinalIgnoreCase);

            // What the web server refuses by itself has no request id.
            await (answer.RequestId is { Length: > 0 } id
                ? AuditedAsync(id, $"{answer.Status} {answer.ErrorType}")
                : Until.TrueAsync(() => AuditLines().Count() == lines + 1, $"one audit line for {request}", TimeSpan.FromSeconds(5)));
        }
    }

    [Fact]
    public async Task A08_names_in_the_body()
    {
        foreach (var name in (string[])["../x", "a/b", "", "a\r\nb", "a\0b", "f\u043e\u043ed", new string('n', 141), "x:$LATEST:y", new('n', 5_000_000)])
        {
            await RefusedAsync(CreateAsync(r => r["FunctionName"] = name), 400, "ValidationException");
        }

        await RefusedAsync(CreateAsync(r => r["FunctionName"] = new string('n', 65)), 400, "InvalidParameterValueException");
        await RefusedAsync(CreateAsync(r => r["FunctionName"] = "arn:aws:lambda:us-east-1:999999999999:function:x"), 403, "AccessDeniedException");
        await RefusedAsync(CreateAsync(r => r["FunctionName"] = "arn:aws:lambda:eu-west-1:123456789012:function:x"), 404, "ResourceNotFoundException");
    }

    [Fact]
    public async Task A09_handlers_runtimes_and_variables()
    {
        foreach (var handler in (string[])["app.handler\nrm", "app handler", "app.\0"])
        {
            await RefusedAsync(CreateAsync(r => r["Handler"] = handler), 400, "ValidationException");
        }

        await RefusedAsync(CreateAsync(r => r["Runtime"] = "python3.13; id"), 400, "InvalidParameterValueException");
        await RefusedAsync(CreateAsync(r => r["Runtime"] = "../../python3.13"), 400, "InvalidParameterValueException");
        foreach (var reserved in (string[])["AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_LAMBDA_RUNTIME_API", "_HANDLER", "LAMBDA_TASK_ROOT"])
        {
            await RefusedAsync(CreateAsync(Variable(reserved, "x")), 400, "InvalidParameterValueException", "reserved keys");
        }

        foreach (var name in (string[])["A=B", "1A", "A B", "A\n", "", "\u00c4A"])
        {
            await RefusedAsync(CreateAsync(Variable(name, "x")), 400, "ValidationException");
        }

        await RefusedAsync(CreateAsync(Variable("BIG", new string('v', 4_097))), 400, "InvalidParameterValueException", "exceeded the 4KB limit");
        await RefusedAsync(CreateAsync(Variable("HUGE", new string('v', 5_000_000))), 400, "InvalidParameterValueException", "exceeded the 4KB limit");
        await RefusedAsync(CreateAsync(Variable("NUL", "a\0b")), 400, "ValidationException");
    }

    [Fact]
    public async Task A09_no_shell_reads_what_is_allowed()
    {
        var trace = Path.Combine(Path.GetTempPath(), $"fnq-pwned-{Guid.NewGuid():N}");
        var value = $"'; touch {trace}; \" $(touch {trace}) `touch {trace}`\n\u00fc\t\\";
        var name = await Api.DeployAsync(
            "import os\ndef handler(event, context):\n    return [os.environ['STRANGE'], os.environ['LD_PRELOAD']]\n",
            request => request["Environment"] = new JsonObject { ["Variables"] = new JsonObject { ["STRANGE"] = value, ["LD_PRELOAD"] = "/tmp/evil.so" } });
        Assert.Equal([value, "/tmp/evil.so"], (await Api.CallAsync(name)).AsArray().Select(item => (string?)item));
        var shell = await Api.DeployAsync(GoodFunction.Code, request => request["Handler"] = $"$(touch${{IFS}}{trace}).handler");
        await Api.FailAsync(shell);
        Assert.False(Path.Exists(trace));
    }

    [Fact]
    public async Task A32_tags_and_descriptions()
    {
        var arn = $"/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3A{Good}";
        await RefusedAsync(TagAsync(arn, "k", new string('v', 257)), 400, "ValidationException");
        await RefusedAsync(TagAsync(arn, new string('k', 129), "v"), 400, "ValidationException");
        await RefusedAsync(TagAsync(arn, "k", new string('v', 1_000_000)), 400, "ValidationException");
        await RefusedAsync(TagAsync(arn, "k", new string('v', 1_100_000)), 413, "RequestEntityTooLargeException");
        await RefusedAsync(TagAsync(arn, "aws:k", "v"), 400, "InvalidParameterValueException");
        var many = new JsonObject { ["Tags"] = new JsonObject(Enumerable.Range(0, 51).Select(i => KeyValuePair.Create<string, JsonNode?>($"k{i}", "v"))) };
        await RefusedAsync(Api.SendJsonAsync("POST", arn, many), 400, "InvalidParameterValueException", "Number of tags exceeds resource tag limit.");
        await RefusedAsync(CreateAsync(r => r["Description"] = new string('d', 1_000_000)), 400, "ValidationException");
        const string bidi = "\u202Egnp.exe\u202C <img src=x onerror=alert(1)>";
        Assert.Equal(204, (await TagAsync(arn, bidi, bidi)).Status);
        Assert.Equal(bidi, (string?)(await Api.SendAsync("GET", arn)).Json!["Tags"]![bidi]);
    }

    [Fact]
    public async Task A35_strings_that_attack_databases_logs_and_templates_are_stored_as_they_are()
    {
        var name = await Api.DeployAsync(GoodFunction.Code, request =>
        {
            request["Description"] = Strange;
            request["Handler"] = "app.handler";
            request["Environment"] = new JsonObject { ["Variables"] = new JsonObject { ["STRANGE"] = Strange + "\u2028" } };
            request["Tags"] = new JsonObject { [Strange[..100]] = Strange };
        });
        var whole = (await Api.SendAsync("GET", $"{Functions}/{name}")).Json!;
        Assert.Equal(Strange, (string?)whole["Configuration"]!["Description"]);
        Assert.Equal(Strange + "\u2028", (string?)whole["Configuration"]!["Environment"]!["Variables"]!["STRANGE"]);
        Assert.Equal(Strange, (string?)whole["Tags"]![Strange[..100]]);
        Assert.Equal("1", (await Api.CallAsync(name, "1")).ToJsonString());
        var update = await Api.SendJsonAsync("PUT", $"{Functions}/{name}/configuration", new JsonObject { ["Description"] = "a\0b" });
        Assert.InRange(update.Status, 200, 499);

        // In every member that is text: whatever the answer, it is no 5xx.
        foreach (var member in (string[])["Runtime", "Role", "Handler", "KMSKeyArn", "PackageType", "FunctionName", "CodeSigningConfigArn"])
        {
            var answer = await CreateAsync(request => request[member] = Strange + "\0");
            Assert.InRange(answer.Status, 400, 499);
            await AuditedAsync(answer.RequestId, $"{answer.Status} {answer.ErrorType}");
        }

        foreach (var query in (string[])["Marker", "MaxItems", "FunctionVersion", "MasterRegion"])
        {
            var answer = await Api.SendAsync("GET", $"{Functions}?{query}={Uri.EscapeDataString(Strange)}");
            Assert.InRange(answer.Status, 200, 499);
        }

        Assert.DoesNotContain(Server.Log.Split('\n'), line => line.StartsWith("Set-Cookie", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A36_client_contexts()
    {
        const string type = "InvalidRequestContentException";
        string[] wrong =
        [
            "!!", "e30", Encode("[]"), Encode("nope"), Encode("\"text\""), Encode("{\"a\":"), Convert.ToBase64String([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
            Encode($"{{\"custom\":\"{new string('c', 2_700)}\"}}"), new('A', 20_000), Encode(new string('[', 2_000)),
        ];
        foreach (var context in wrong)
        {
            await RefusedAsync(Api.InvokeAsync(Good, "{}", new Dictionary<string, string> { ["X-Amz-Client-Context"] = context }), 400, type, "Client context must be");
        }

        var fine = await Api.InvokeAsync(
            Good, "{}", new Dictionary<string, string> { ["X-Amz-Client-Context"] = Encode($"{{\"custom\":{{\"k\":\"{new string('c', 2_600)}\"}}}}") });
        Assert.Equal((200, null), (fine.Status, fine.FunctionError));
    }

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private Task<ApiAnswer> TagAsync(string path, string key, string value) =>
        Api.SendJsonAsync("POST", path, new JsonObject { ["Tags"] = new JsonObject { [key] = value } });

    private static Action<JsonObject> Variable(string name, string value) =>
        request => request["Environment"] = new JsonObject { ["Variables"] = new JsonObject { [name] = value } };
}
