using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>What comes after the first invocation: read, change, tag, list and delete, with the AWS CLI.</summary>
[Collection(Platform.Collection)]
public sealed class FunctionLifeTests(Platform platform)
{
    private const string One = "def handler(event, context):\n    return 'one'\n";
    private const string Two = "import os\ndef handler(event, context):\n    return 'two ' + os.environ.get('GREETING', '')\n";

    [Fact]
    public async Task The_code_that_was_uploaded_is_downloaded_byte_for_byte()
    {
        var name = await platform.Api.DeployAsync(One);
        var function = await platform.Cli(platform.NewFolder()).RunAsync("lambda", "get-function", "--function-name", name);

        Assert.Equal("S3", (string?)function!["Code"]!["RepositoryType"]);
        var bytes = await platform.Api.Plain.GetByteArrayAsync((string)function["Code"]!["Location"]!);
        Assert.Equal((string?)function["Configuration"]!["CodeSha256"], Convert.ToBase64String(SHA256.HashData(bytes)));
        Assert.Equal((int?)function["Configuration"]!["CodeSize"], bytes.Length);
        Assert.Equal("Active", (string?)function["Configuration"]!["State"]);
        Assert.Equal("Successful", (string?)function["Configuration"]!["LastUpdateStatus"]);
        Assert.Null(function["Configuration"]!["StateReason"]);
        Assert.Null(function["Tags"]);
        Assert.Null(function["Concurrency"]);
    }

    [Fact]
    public async Task A_tampered_download_address_is_refused()
    {
        var name = await platform.Api.DeployAsync(One);
        var function = (await platform.Api.SendAsync("GET", $"/2015-03-31/functions/{name}")).Json!;
        var location = (string)function["Code"]!["Location"]!;
        var last = location[^1] == '0' ? '1' : '0';
        using var answer = await platform.Api.Plain.GetAsync(location[..^1] + last);
        Assert.Equal(403, (int)answer.StatusCode);
    }

    [Fact]
    public async Task An_update_of_code_and_configuration_takes_effect_and_changes_the_revision()
    {
        var folder = platform.NewFolder();
        var aws = platform.Cli(folder);
        var name = await platform.Api.DeployAsync(One);
        Assert.Equal("\"one\"", (await platform.Api.CallAsync(name)).ToJsonString());
        var first = await platform.Api.ConfigurationAsync(name);
        await File.WriteAllBytesAsync(Path.Combine(folder, "two.zip"), CodeZip.Of(("app.py", Two)));

        var updating = await aws.RunAsync("lambda", "update-function-code", "--function-name", name, "--zip-file", "fileb://two.zip");
        Assert.Equal("InProgress", (string?)updating!["LastUpdateStatus"]);
        Assert.Equal("Creating", (string?)updating["LastUpdateStatusReasonCode"]);
        Assert.NotEqual((string?)first["RevisionId"], (string?)updating["RevisionId"]);
        Assert.NotEqual((string?)first["CodeSha256"], (string?)updating["CodeSha256"]);
        _ = (await aws.TryAsync("lambda", "wait", "function-updated-v2", "--function-name", name)).Checked;
        Assert.Equal("\"two \"", (await platform.Api.CallAsync(name)).ToJsonString());

        _ = await aws.RunAsync(
            "lambda", "update-function-configuration", "--function-name", name, "--environment", "Variables={GREETING=hi}",
            "--timeout", "7", "--memory-size", "192", "--description", "greets");
        _ = (await aws.TryAsync("lambda", "wait", "function-updated-v2", "--function-name", name)).Checked;
        var changed = await aws.RunAsync("lambda", "get-function-configuration", "--function-name", name);
        Assert.Equal("""{"Variables":{"GREETING":"hi"}}""", changed!["Environment"]!.ToJsonString());
        Assert.Equal(7, (int?)changed["Timeout"]);
        Assert.Equal(192, (int?)changed["MemorySize"]);
        Assert.Equal("greets", (string?)changed["Description"]);
        Assert.Equal("app.handler", (string?)changed["Handler"]);
        Assert.Equal("\"two hi\"", (await platform.Api.CallAsync(name)).ToJsonString());
    }

    [Fact]
    public async Task A_dry_run_of_an_update_changes_nothing()
    {
        var name = await platform.Api.DeployAsync(One);
        var before = await platform.Api.ConfigurationAsync(name);
        var zip = CodeZip.Of(("app.py", Two));
        var answer = await platform.Api.SendJsonAsync("PUT", $"/2015-03-31/functions/{name}/code", new JsonObject
        {
            ["ZipFile"] = Convert.ToBase64String(zip),
            ["DryRun"] = true,
        });
        Assert.Equal(200, answer.Status);
        Assert.Equal(Convert.ToBase64String(SHA256.HashData(zip)), (string?)answer.Json!["CodeSha256"]);
        Assert.Equal(before.ToJsonString(), (await platform.Api.ConfigurationAsync(name)).ToJsonString());
        Assert.Equal("\"one\"", (await platform.Api.CallAsync(name)).ToJsonString());
    }

    [Fact]
    public async Task A_stale_revision_is_refused()
    {
        var name = await platform.Api.DeployAsync(One);
        var answer = await platform.Api.SendJsonAsync("PUT", $"/2015-03-31/functions/{name}/configuration", new JsonObject
        {
            ["Timeout"] = 4,
            ["RevisionId"] = Guid.NewGuid().ToString(),
        });
        Assert.Equal((412, "PreconditionFailedException"), (answer.Status, answer.ErrorType));
        Assert.StartsWith("The Revision Id provided does not match the latest Revision Id.", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tags_come_and_go()
    {
        var aws = platform.Cli(platform.NewFolder());
        var name = await platform.Api.DeployAsync(One, request => request["Tags"] = new JsonObject { ["team"] = "blue" });
        var arn = $"arn:aws:lambda:us-east-1:123456789012:function:{name}";
        _ = (await aws.TryAsync("lambda", "tag-resource", "--resource", arn, "--tags", "cost=7,stage=test")).Checked;
        _ = (await aws.TryAsync("lambda", "untag-resource", "--resource", arn, "--tag-keys", "team", "absent")).Checked;

        var tags = await aws.RunAsync("lambda", "list-tags", "--resource", arn);
        Assert.Equal("7", (string?)tags!["Tags"]!["cost"]);
        Assert.Equal("test", (string?)tags["Tags"]!["stage"]);
        Assert.Equal(2, tags["Tags"]!.AsObject().Count);
        var function = await aws.RunAsync("lambda", "get-function", "--function-name", name);
        Assert.True(JsonNode.DeepEquals(tags["Tags"], function!["Tags"]));
    }

    [Fact]
    public async Task A_list_is_complete_over_its_pages_and_leaves_states_out()
    {
        var names = new HashSet<string>();
        for (var i = 0; i < 5; i++)
        {
            names.Add(await platform.Api.DeployAsync(One));
        }

        var listed = await platform.Cli(platform.NewFolder()).RunAsync("lambda", "list-functions", "--page-size", "2");
        var all = listed!["Functions"]!.AsArray();
        Assert.Superset(names, all.Select(function => (string)function!["FunctionName"]!).ToHashSet());
        Assert.Equal(all.Count, all.Select(function => (string)function!["FunctionName"]!).Distinct().Count());
        Assert.All(all, function => Assert.Null(function!["State"] ?? function["LastUpdateStatus"]));
    }

    [Fact]
    public async Task A_deleted_function_is_gone_and_its_name_is_free()
    {
        var aws = platform.Cli(platform.NewFolder());
        var name = await platform.Api.DeployAsync(One);
        _ = await platform.Api.CallAsync(name);
        Assert.Equal("", (await aws.TryAsync("lambda", "delete-function", "--function-name", name)).Checked);

        var gone = await aws.TryAsync("lambda", "get-function", "--function-name", name);
        Assert.Contains("An error occurred (ResourceNotFoundException) when calling the GetFunction operation", gone.Error, StringComparison.Ordinal);
        Assert.EndsWith($"Function not found: arn:aws:lambda:us-east-1:123456789012:function:{name}\n", gone.Error, StringComparison.Ordinal);
        var invoked = await platform.Api.InvokeAsync(name);
        Assert.Equal((404, "ResourceNotFoundException"), (invoked.Status, invoked.ErrorType));
        var again = await platform.Api.SendAsync("DELETE", $"/2015-03-31/functions/{name}");
        Assert.Equal(404, again.Status);

        var created = await platform.Api.CreateAsync(LambdaApi.CreateRequest(name, "python3.13", "app.handler", CodeZip.Of(("app.py", Two))));
        Assert.Equal(201, created.Status);
        await platform.Api.WaitUntilActiveAsync(name);
        Assert.Equal("\"two \"", (await platform.Api.CallAsync(name)).ToJsonString());
    }

    [Fact]
    public async Task The_account_knows_its_limits_and_itself()
    {
        var aws = platform.Cli(platform.NewFolder());
        _ = await platform.Api.DeployAsync(One);
        var settings = await aws.RunAsync("lambda", "get-account-settings");
        Assert.Equal(1000, (int?)settings!["AccountLimit"]!["ConcurrentExecutions"]);
        Assert.Equal(80_530_636_800, (long?)settings["AccountLimit"]!["TotalCodeSize"]);
        Assert.Equal(262_144_000, (long?)settings["AccountLimit"]!["CodeSizeUnzipped"]);
        Assert.Equal(52_428_800, (long?)settings["AccountLimit"]!["CodeSizeZipped"]);
        Assert.True((long?)settings["AccountUsage"]!["FunctionCount"] > 0);
        Assert.True((long?)settings["AccountUsage"]!["TotalCodeSize"] > 0);

        var identity = await aws.RunAsync("sts", "get-caller-identity");
        Assert.Equal("123456789012", (string?)identity!["Account"]);
        Assert.StartsWith("arn:aws:iam::123456789012:", (string?)identity["Arn"], StringComparison.Ordinal);
        Assert.NotEmpty((string)identity["UserId"]!);
    }

    [Fact]
    public async Task A_region_is_a_name_space_of_its_own()
    {
        using var ireland = platform.ApiOf("eu-west-1");
        var name = await platform.Api.DeployAsync(One);
        Assert.Equal(404, (await ireland.SendAsync("GET", $"/2015-03-31/functions/{name}")).Status);

        var created = await ireland.CreateAsync(LambdaApi.CreateRequest(name, "python3.13", "app.handler", CodeZip.Of(("app.py", Two))));
        Assert.Equal($"arn:aws:lambda:eu-west-1:123456789012:function:{name}", (string?)created.Json!["FunctionArn"]);
        await ireland.WaitUntilActiveAsync(name);
        Assert.Equal("\"one\"", (await platform.Api.CallAsync(name)).ToJsonString());
        Assert.Equal("\"two \"", (await ireland.CallAsync(name)).ToJsonString());

        Assert.Equal(204, (await ireland.SendAsync("DELETE", $"/2015-03-31/functions/{name}")).Status);
        Assert.Equal("\"one\"", (await platform.Api.CallAsync(name)).ToJsonString());
        var afar = await ireland.SendAsync("GET", $"/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3A{name}");
        Assert.Equal((404, "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')"), (afar.Status, afar.Message));
    }
}
