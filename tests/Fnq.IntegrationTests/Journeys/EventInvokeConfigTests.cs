using System.Text.Json.Nodes;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>How asynchronous events are to be retried and where their outcome goes, as it is set and read.</summary>
[Collection(Platform.Collection)]
public sealed class EventInvokeConfigTests(Platform platform)
{
    private const string Prefix = "arn:aws:lambda:us-east-1:123456789012:function:";
    private const string Queue = "arn:aws:sqs:us-east-1:123456789012:failed";
    private const string ToQueue = $$"""{"Destination":"{{Queue}}"}""";
    private const string ToWebhook = """{"Destination":"https://example.com/hook?a=1"}""";
    private const string ToTopic = """{"Destination":"arn:aws:sns:us-east-1:123456789012:done"}""";

    [Fact]
    public async Task The_cli_puts_reads_changes_lists_and_deletes()
    {
        var aws = platform.Cli(platform.NewFolder());
        string name = await NewFunctionAsync(), next = await NewFunctionAsync();
        var put = await aws.RunAsync(
            "lambda", "put-function-event-invoke-config", "--function-name", name, "--maximum-retry-attempts", "1",
            "--destination-config", $$$"""{"OnSuccess":{"Destination":"{{{Prefix}}}{{{next}}}"}}""");
        Assert.Equal($"{Prefix}{name}:$LATEST", (string?)put!["FunctionArn"]);
        Assert.Equal(1, (int?)put["MaximumRetryAttempts"]);
        Assert.Null(put["MaximumEventAgeInSeconds"]);
        Assert.Equal($$$"""{"OnSuccess":{"Destination":"{{{Prefix}}}{{{next}}}"},"OnFailure":{}}""", put["DestinationConfig"]!.ToJsonString());
        var got = await aws.RunAsync("lambda", "get-function-event-invoke-config", "--function-name", name);
        Assert.Equal(put.ToJsonString(), got!.ToJsonString());

        var updated = await aws.RunAsync("lambda", "update-function-event-invoke-config", "--function-name", name, "--maximum-event-age-in-seconds", "3600");
        Assert.Equal((1, 3600), ((int?)updated!["MaximumRetryAttempts"], (int?)updated["MaximumEventAgeInSeconds"]));
        _ = await aws.RunAsync(
            "lambda", "put-function-event-invoke-config", "--function-name", name, "--qualifier", "1", "--maximum-retry-attempts", "0");
        var listed = await aws.RunAsync("lambda", "list-function-event-invoke-configs", "--function-name", name, "--page-size", "1");
        Assert.Equal([$"{Prefix}{name}:$LATEST", $"{Prefix}{name}:1"], ArnsOf(listed!));

        Assert.Equal("", (await aws.TryAsync("lambda", "delete-function-event-invoke-config", "--function-name", name)).Checked);
        var gone = await aws.TryAsync("lambda", "get-function-event-invoke-config", "--function-name", name);
        Assert.Contains("An error occurred (ResourceNotFoundException) when calling the GetFunctionEventInvokeConfig operation", gone.Error, StringComparison.Ordinal);
        Assert.EndsWith($"The function {Prefix}{name}:$LATEST doesn't have an EventInvokeConfig\n", gone.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Put_replaces_and_post_merges()
    {
        var name = await NewFunctionAsync();
        var path = PathOf(name);
        var begin = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() / 1000m;
        var first = await WriteAsync("PUT", path, """{"MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":60}""");
        Assert.InRange((decimal)first["LastModified"]!, begin, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() / 1000m);

        var merged = await WriteAsync("POST", path, $$$"""{"DestinationConfig":{"OnFailure":{{{ToQueue}}}}}""");
        Assert.Equal(
            $$$"""{"MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{},"OnFailure":{{{ToQueue}}}}}""",
            SettingsOf(merged));
        Assert.True((decimal)merged["LastModified"]! >= (decimal)first["LastModified"]!);
        merged = await WriteAsync("POST", path, """{"MaximumRetryAttempts":2}""");
        Assert.Equal(
            $$$"""{"MaximumRetryAttempts":2,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{},"OnFailure":{{{ToQueue}}}}}""",
            SettingsOf(merged));
        merged = await WriteAsync("POST", path, """{"DestinationConfig":{"OnFailure":{"Destination":""}}}""");
        Assert.Equal("""{"OnSuccess":{},"OnFailure":{}}""", merged["DestinationConfig"]!.ToJsonString());

        var replaced = await WriteAsync("PUT", path, $$$"""{"DestinationConfig":{"OnSuccess":{{{ToTopic}}},"OnFailure":{{{ToWebhook}}}}}""");
        Assert.Equal(
            $$$"""{"DestinationConfig":{"OnSuccess":{{{ToTopic}}},"OnFailure":{{{ToWebhook}}}}}""",
            SettingsOf(replaced));
        Assert.Equal(replaced.ToJsonString(), (await platform.Api.SendAsync("GET", path)).Text);
    }

    [Fact]
    public async Task Latest_is_the_unqualified_function_and_a_version_is_another()
    {
        var name = await NewFunctionAsync();
        _ = await WriteAsync("PUT", PathOf(name), """{"MaximumRetryAttempts":0}""");
        var latest = await WriteAsync("POST", PathOf(name, "$LATEST"), """{"MaximumEventAgeInSeconds":90}""");
        Assert.Equal(0, (int?)latest["MaximumRetryAttempts"]);
        var byArn = await platform.Api.SendAsync("GET", PathOf($"{Prefix}{name}:$LATEST"));
        Assert.Equal(latest.ToJsonString(), byArn.Text);

        await RefusedAsync("POST", PathOf(name, "1"), """{"MaximumRetryAttempts":1}""", 404, $"The function {Prefix}{name}:1 doesn't have an EventInvokeConfig");
        await RefusedAsync("GET", PathOf(name, "1"), "", 404, $"The function {Prefix}{name}:1 doesn't have an EventInvokeConfig");
        var version = await WriteAsync("PUT", PathOf($"{name}:1"), """{"MaximumRetryAttempts":2}""");
        Assert.Equal($"{Prefix}{name}:1", (string?)version["FunctionArn"]);
        Assert.Equal(0, (int?)(await platform.Api.SendAsync("GET", PathOf(name))).Json!["MaximumRetryAttempts"]);
    }

    [Theory]
    [InlineData("{}", "InvalidParameterValueException", "You must specify at least one of error handling or destination setting.")]
    [InlineData("""{"MaximumRetryAttempts":3}""", "ValidationException", "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2")]
    [InlineData("""{"MaximumRetryAttempts":"1"}""", "InvalidRequestContentException", "Could not parse request body into json: Unexpected value at $.MaximumRetryAttempts.")]
    [InlineData("""{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:lambda:us-east-1:123456789012:function:SELF:1"}}}""", "InvalidParameterValueException", "You can't specify the function as a destination for itself.")]
    [InlineData("""{"DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:lambda:us-east-1:123456789012:function:absent"}}}""", "InvalidParameterValueException", "The destination ARN arn:aws:lambda:us-east-1:123456789012:function:absent is invalid.")]
    [InlineData("""{"DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:s3:::bucket"}}}""", "InvalidParameterValueException", "The destination ARN arn:aws:s3:::bucket is invalid.")]
    public async Task A_bad_config_is_refused_and_changes_nothing(string body, string type, string message)
    {
        var name = await NewFunctionAsync();
        var before = await WriteAsync("PUT", PathOf(name), """{"MaximumRetryAttempts":1}""");
        foreach (var method in new[] { "PUT", "POST" })
        {
            Assert.Equal(type, await RefusedAsync(method, PathOf(name), body.Replace("SELF", name, StringComparison.Ordinal), 400, message));
        }

        Assert.Equal(before.ToJsonString(), (await platform.Api.SendAsync("GET", PathOf(name))).Text);
    }

    [Fact]
    public async Task Functions_and_versions_that_do_not_exist_are_not_found()
    {
        var name = await NewFunctionAsync();
        foreach (var (path, arn) in new[]
        {
            (PathOf("absent"), Prefix + "absent"), (PathOf(name, "9"), $"{Prefix}{name}:9"), (PathOf(name, "live"), $"{Prefix}{name}:live"),
        })
        {
            foreach (var method in new[] { "PUT", "POST", "GET", "DELETE" })
            {
                Assert.Equal("ResourceNotFoundException", await RefusedAsync(method, path, """{"MaximumRetryAttempts":1}""", 404, $"Function not found: {arn}"));
            }
        }

        await RefusedAsync("GET", ListOf("absent"), "", 404, $"Function not found: {Prefix}absent");
        await RefusedAsync("DELETE", PathOf(name), "", 404, $"The function {Prefix}{name}:$LATEST doesn't have an EventInvokeConfig");
        await RefusedAsync("POST", PathOf(name), """{"MaximumRetryAttempts":1}""", 404, $"The function {Prefix}{name}:$LATEST doesn't have an EventInvokeConfig");
    }

    [Fact]
    public async Task A_listing_goes_on_behind_its_marker()
    {
        string name = await NewFunctionAsync(), other = await NewFunctionAsync();
        Assert.Equal("""{"FunctionEventInvokeConfigs":[]}""", (await platform.Api.SendAsync("GET", ListOf(name))).Text);
        _ = await WriteAsync("PUT", PathOf(name, "1"), """{"MaximumRetryAttempts":1}""");
        _ = await WriteAsync("PUT", PathOf(name), """{"MaximumRetryAttempts":1}""");

        var first = (await platform.Api.SendAsync("GET", ListOf(name) + "?MaxItems=1")).Json!;
        Assert.Equal([$"{Prefix}{name}:$LATEST"], ArnsOf(first));
        var marker = Uri.EscapeDataString((string)first["NextMarker"]!);
        var second = (await platform.Api.SendAsync("GET", $"{ListOf(name)}?MaxItems=1&Marker={marker}")).Json!;
        Assert.Equal([$"{Prefix}{name}:1"], ArnsOf(second));
        Assert.Null(second["NextMarker"]);
        await RefusedAsync("GET", $"{ListOf(other)}?Marker={marker}", "", 400, "Invalid Marker");
        await RefusedAsync(
            "GET", ListOf(name) + "?MaxItems=51", "", 400,
            "1 validation error detected: Value '51' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 50");
    }

    [Fact]
    public async Task Nothing_is_lost_when_many_write_at_once()
    {
        var name = await NewFunctionAsync();
        var puts = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => platform.Api.SendJsonAsync("PUT", PathOf(name), new JsonObject { ["MaximumRetryAttempts"] = 1 })));
        Assert.All(puts, answer => Assert.Equal(200, answer.Status));
        JsonObject[] changes =
        [
            new() { ["MaximumRetryAttempts"] = 2 },
            new() { ["MaximumEventAgeInSeconds"] = 120 },
            new() { ["DestinationConfig"] = new JsonObject { ["OnFailure"] = new JsonObject { ["Destination"] = Queue } } },
        ];
        var posts = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => platform.Api.SendJsonAsync("POST", PathOf(name), changes[i % 3])));
        Assert.All(posts, answer => Assert.Equal(200, answer.Status));
        Assert.Equal(
            $$$"""{"MaximumRetryAttempts":2,"MaximumEventAgeInSeconds":120,"DestinationConfig":{"OnSuccess":{},"OnFailure":{{{ToQueue}}}}}""",
            SettingsOf((await platform.Api.SendAsync("GET", PathOf(name))).Json!));
    }

    [Fact]
    public async Task A_version_and_a_function_take_their_configs_with_them()
    {
        var name = await NewFunctionAsync();
        _ = await WriteAsync("PUT", PathOf(name), """{"MaximumRetryAttempts":1}""");
        _ = await WriteAsync("PUT", PathOf(name, "1"), """{"MaximumRetryAttempts":1}""");
        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", $"/2015-03-31/functions/{name}?Qualifier=1")).Status);
        Assert.Equal([$"{Prefix}{name}:$LATEST"], ArnsOf((await platform.Api.SendAsync("GET", ListOf(name))).Json!));

        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", $"/2015-03-31/functions/{name}")).Status);
        await CreateAsync(name);
        Assert.Empty(ArnsOf((await platform.Api.SendAsync("GET", ListOf(name))).Json!));
    }

    /// <summary>With version 1. Need not be ready: its events are not run here.</summary>
    private async Task<string> NewFunctionAsync()
    {
        var name = $"events-{Guid.NewGuid():N}";
        await CreateAsync(name);
        return name;
    }

    private async Task CreateAsync(string name)
    {
        var request = LambdaApi.CreateRequest(name, "python3.13", "app.handler", CodeZip.Of(("app.py", "def handler(event, context):\n    return event\n")));
        request["Publish"] = true;
        var created = await platform.Api.CreateAsync(request);
        Assert.True(created.Status == 201, created.Text);
    }

    private static string PathOf(string function, string? qualifier = null) =>
        $"/2019-09-25/functions/{Uri.EscapeDataString(function)}/event-invoke-config"
        + (qualifier is null ? "" : $"?Qualifier={Uri.EscapeDataString(qualifier)}");

    private static string ListOf(string function) => PathOf(function) + "/list";

    private static IEnumerable<string> ArnsOf(JsonNode listed) =>
        listed["FunctionEventInvokeConfigs"]!.AsArray().Select(config => (string)config!["FunctionArn"]!);

    /// <summary>All but name and time.</summary>
    private static string SettingsOf(JsonNode config)
    {
        var settings = config.DeepClone().AsObject();
        settings.Remove("FunctionArn");
        settings.Remove("LastModified");
        return settings.ToJsonString();
    }

    private async Task<JsonNode> WriteAsync(string method, string path, string body)
    {
        var answer = await platform.Api.SendJsonAsync(method, path, JsonNode.Parse(body)!);
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json!;
    }

    /// <summary>Returns the error's type.</summary>
    private async Task<string?> RefusedAsync(string method, string path, string body, int status, string message)
    {
        var answer = await platform.Api.SendAsync(method, path, System.Text.Encoding.UTF8.GetBytes(body));
        Assert.Equal((status, message), (answer.Status, answer.Message));
        return answer.ErrorType;
    }
}
