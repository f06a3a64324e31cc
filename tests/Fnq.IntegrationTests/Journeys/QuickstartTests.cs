using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>The quick start of the README as a new user types it, with the AWS CLI of Debian.</summary>
[Collection(Platform.Collection)]
public sealed class QuickstartTests(Platform platform)
{
    private const string Python = """
        def lambda_handler(event, context):
            return {"message": f"Hello {event['name']}"}

        """;

    private const string EcmaScript = """
        export const handler = async (event) => ({ message: `Hello ${event.name}` });

        """;

    private const string CommonJs = """
        exports.handler = (event, context, callback) => callback(null, { message: `Hello ${event.name}` });

        """;

    private const string Bash = """
        #!/bin/bash
        set -euo pipefail
        while true; do
          headers=$(mktemp)
          event=$(curl -sS -LD "$headers" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
          id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
          name=$(sed -E 's/.*"name":"([^"]*)".*/\1/' <<<"$event")
          curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -d "{\"message\":\"Hello $name\"}" >/dev/null
        done

        """;

    [Fact]
    public async Task The_block_of_the_documentation_works_as_it_is_written()
    {
        var folder = platform.NewFolder();
        var aws = platform.Cli(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "lambda_function.py"), Python);
        _ = (await Shell.RunAsync("zip", ["function.zip", "lambda_function.py"], folder: folder)).Checked;

        var created = await aws.RunAsync(
            "lambda", "create-function", "--function-name", "hello-world", "--runtime", "python3.13",
            "--handler", "lambda_function.lambda_handler", "--memory-size", "256", "--timeout", "10",
            "--role", "arn:aws:iam::123456789012:role/lambda-basic-exec", "--zip-file", "fileb://function.zip");
        Assert.Equal("hello-world", (string?)created!["FunctionName"]);
        Assert.Equal("arn:aws:lambda:us-east-1:123456789012:function:hello-world", (string?)created["FunctionArn"]);
        Assert.Equal("python3.13", (string?)created["Runtime"]);
        Assert.Equal("lambda_function.lambda_handler", (string?)created["Handler"]);
        Assert.Equal("arn:aws:iam::123456789012:role/lambda-basic-exec", (string?)created["Role"]);
        Assert.Equal(256, (int?)created["MemorySize"]);
        Assert.Equal(10, (int?)created["Timeout"]);
        Assert.Equal("Pending", (string?)created["State"]);
        Assert.Equal("Creating", (string?)created["StateReasonCode"]);
        Assert.Equal("The function is being created.", (string?)created["StateReason"]);
        Assert.Equal("$LATEST", (string?)created["Version"]);
        Assert.Equal("Zip", (string?)created["PackageType"]);
        Assert.Equal("PassThrough", (string?)created["TracingConfig"]!["Mode"]);
        Assert.Equal(512, (int?)created["EphemeralStorage"]!["Size"]);
        Assert.Equal("x86_64", (string?)created["Architectures"]![0]);
        var zip = await File.ReadAllBytesAsync(Path.Combine(folder, "function.zip"));
        Assert.Equal(zip.Length, (int?)created["CodeSize"]);
        Assert.Equal(Convert.ToBase64String(System.Security.Cryptography.SHA256.HashData(zip)), (string?)created["CodeSha256"]);
        Assert.True(Guid.TryParse((string?)created["RevisionId"], out _));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$", (string?)created["LastModified"]);
        Assert.Null(created["LastUpdateStatus"]);

        Assert.Equal("", (await aws.TryAsync("lambda", "wait", "function-active-v2", "--function-name", "hello-world")).Checked);

        var invoked = await aws.RunAsync(
            "lambda", "invoke", "--function-name", "hello-world", "--payload", """{"name":"DevCraftly"}""",
            "--cli-binary-format", "raw-in-base64-out", "response.json");
        Assert.Equal("""{"StatusCode":200,"ExecutedVersion":"$LATEST"}""", invoked!.ToJsonString());
        Assert.Equal("""{"message":"Hello DevCraftly"}""", JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "response.json")))!.ToJsonString());
    }

    [Theory]
    [InlineData("nodejs20.x", "index.mjs", "index.handler", EcmaScript)]
    [InlineData("nodejs20.x", "index.js", "index.handler", CommonJs)]
    [InlineData("provided.al2023", "bootstrap", "unused", Bash)]
    public async Task Every_installed_runtime_says_hello(string runtime, string file, string handler, string code)
    {
        var folder = platform.NewFolder();
        var aws = platform.Cli(folder);
        var name = $"hello-{Guid.NewGuid():N}";
        await File.WriteAllBytesAsync(Path.Combine(folder, "function.zip"), CodeZip.Of((file, code)));

        _ = await aws.RunAsync(
            "lambda", "create-function", "--function-name", name, "--runtime", runtime, "--handler", handler,
            "--timeout", "10", "--role", LambdaApi.Role, "--zip-file", "fileb://function.zip");
        _ = (await aws.TryAsync("lambda", "wait", "function-active-v2", "--function-name", name)).Checked;
        var invoked = await aws.RunAsync(
            "lambda", "invoke", "--function-name", name, "--payload", """{"name":"DevCraftly"}""",
            "--cli-binary-format", "raw-in-base64-out", "response.json");

        Assert.Equal("""{"StatusCode":200,"ExecutedVersion":"$LATEST"}""", invoked!.ToJsonString());
        Assert.Equal("""{"message":"Hello DevCraftly"}""", await File.ReadAllTextAsync(Path.Combine(folder, "response.json")));
    }
}
