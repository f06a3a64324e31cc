using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Events;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Triggers;

/// <summary>Event source mappings as they are made, read, changed and refused. None of these functions is invoked.</summary>
[Collection(Platform.Collection)]
public sealed class EventSourceTests(Platform platform) : IAsyncLifetime
{
    private const string Sources = "/2015-03-31/event-source-mappings";
    private UserBroker? _users;

    public async ValueTask InitializeAsync() => _users = await UserBroker.ConnectAsync(platform.AmqpUrl);

    public ValueTask DisposeAsync() => _users!.DisposeAsync();

    [Fact]
    public async Task Queue_and_function_must_exist()
    {
        var name = await NewFunctionAsync();
        await RefusedAsync(
            name, "absent", 400, "InvalidParameterValueException",
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.");
        var queue = await _users!.DeclareAsync();
        await RefusedAsync("absent", queue, 400, "InvalidParameterValueException", "Function does not exist");
        await RefusedAsync($"{name}:7", queue, 400, "InvalidParameterValueException", "Function does not exist");
    }

    [Fact]
    public async Task The_same_twice_is_a_conflict_that_names_the_first()
    {
        string name = await NewFunctionAsync(), queue = await _users!.DeclareAsync();
        var first = await CreateAsync(name, queue);
        var uuid = (string)first.Json!["UUID"]!;
        await RefusedAsync(
            name, queue, 409, "ResourceConflictException",
            $"An event source mapping with SQS arn (\" {ArnOf(queue)} \") and function (\" {name} \") already exists. Please update or delete the existing mapping with UUID {uuid}");
        var other = await CreateAsync(await NewFunctionAsync(), queue);
        var moved = await platform.Api.SendJsonAsync("PUT", $"{Sources}/{other.Json!["UUID"]}", new JsonObject { ["FunctionName"] = name });
        Assert.Equal((409, "ResourceConflictException"), (moved.Status, moved.ErrorType));
    }

    [Fact]
    public async Task A_mapping_is_read_as_it_was_made_and_changed_member_by_member()
    {
        string name = await NewFunctionAsync(), queue = await _users!.DeclareAsync();
        var made = await CreateAsync(name, queue);
        var uuid = (string)made.Json!["UUID"]!;
        var got = (await platform.Api.SendAsync("GET", $"{Sources}/{uuid}")).Json!.AsObject();
        Assert.Equal("Disabled", (string?)got["State"]);
        got["State"] = "Creating";
        Assert.Equal(made.Text, got.ToJsonString().Replace("\\u0022", "\"", StringComparison.Ordinal));
        var updated = await platform.Api.SendJsonAsync("PUT", $"{Sources}/{uuid}", new JsonObject
        {
            ["BatchSize"] = 100, ["MaximumBatchingWindowInSeconds"] = 1, ["ScalingConfig"] = new JsonObject { ["MaximumConcurrency"] = 2 },
        });
        Assert.Equal((202, "Updating", 100), (updated.Status, (string?)updated.Json!["State"], (int?)updated.Json["BatchSize"]));
        Assert.Equal("""{"MaximumConcurrency":2}""", updated.Json["ScalingConfig"]!.ToJsonString());
        var refused = await platform.Api.SendJsonAsync("PUT", $"{Sources}/{uuid}", new JsonObject { ["MaximumBatchingWindowInSeconds"] = 0 });
        Assert.Equal(400, refused.Status);
    }

    [Fact]
    public async Task A_mapping_is_its_accounts_and_regions_alone()
    {
        var uuid = (string)(await CreateAsync(await NewFunctionAsync(), await _users!.DeclareAsync())).Json!["UUID"]!;
        using var elsewhere = platform.ApiOf("eu-west-1");
        foreach (var id in (string[])[uuid, Guid.NewGuid().ToString(), "none"])
        {
            foreach (var method in (string[])["GET", "PUT", "DELETE"])
            {
                var answer = await elsewhere.SendAsync(method, $"{Sources}/{id}", "{}"u8.ToArray());
                Assert.Equal((404, "The resource you requested does not exist."), (answer.Status, answer.Message));
            }
        }

        Assert.Empty((await elsewhere.SendAsync("GET", $"{Sources}/")).Json!["EventSourceMappings"]!.AsArray());
    }

    [Fact]
    public async Task A_list_has_pages_and_is_of_a_function_or_a_source()
    {
        var name = await NewFunctionAsync();
        string[] queues = [await _users!.DeclareAsync(), await _users.DeclareAsync(), await _users.DeclareAsync()];
        foreach (var queue in queues)
        {
            await CreateAsync(name, queue);
        }

        var listed = await platform.Cli(platform.NewFolder()).RunAsync("lambda", "list-event-source-mappings", "--function-name", name, "--page-size", "1");
        Assert.Equal(
            queues.Select(ArnOf).Order(StringComparer.Ordinal),
            listed!["EventSourceMappings"]!.AsArray().Select(mapping => (string)mapping!["EventSourceArn"]!).Order(StringComparer.Ordinal));
        var one = await platform.Api.SendAsync("GET", $"{Sources}/?EventSourceArn={Uri.EscapeDataString(ArnOf(queues[0]))}");
        Assert.Single(one.Json!["EventSourceMappings"]!.AsArray());
        var shown = (await platform.VerbAsync(["triggers"])).Checked;
        Assert.All(queues, queue => Assert.Contains(queue, shown, StringComparison.Ordinal));
    }

    private static string ArnOf(string queue) => $"arn:aws:sqs:us-east-1:123456789012:{queue}";

    private async Task<string> NewFunctionAsync()
    {
        var name = $"source-{Guid.NewGuid():N}";
        var made = await platform.Api.CreateAsync(LambdaApi.CreateRequest(name, "python3.13", "app.handler", CodeZip.Of(("app.py", "def handler(e, c):\n    pass\n"))));
        Assert.True(made.Status == 201, made.Text);
        return name;
    }

    private Task<ApiAnswer> SendAsync(string name, string queue) => platform.Api.SendJsonAsync(
        "POST", $"{Sources}/", new JsonObject { ["FunctionName"] = name, ["EventSourceArn"] = ArnOf(queue), ["Enabled"] = false });

    private async Task<ApiAnswer> CreateAsync(string name, string queue)
    {
        var answer = await SendAsync(name, queue);
        Assert.True(answer.Status == 202, answer.Text);
        return answer;
    }

    private async Task RefusedAsync(string name, string queue, int status, string type, string message)
    {
        var answer = await SendAsync(name, queue);
        Assert.Equal((status, type, message), (answer.Status, answer.ErrorType, answer.Message));
    }
}
