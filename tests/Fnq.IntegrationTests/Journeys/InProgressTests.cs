using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>A change that a worker has not acknowledged yet: a stopped worker keeps it in progress for as long as the test likes.</summary>
[Collection(Platform.Collection)]
public sealed class InProgressTests(Platform platform)
{
    [Fact]
    public async Task While_a_change_is_in_progress_others_are_refused_and_the_function_serves()
    {
        var name = await platform.Api.DeployAsync("def handler(event, context):\n    return 'old'\n");
        var young = $"young-{Guid.NewGuid():N}";
        var zip = CodeZip.Of(("app.py", "def handler(event, context):\n    return 'new'\n"));
        await using var slow = await platform.StartServerAsync("slow", new Dictionary<string, string?>(), "worker");
        await SignalAsync(slow, "-STOP");
        try
        {
            var change = new JsonObject { ["ZipFile"] = Convert.ToBase64String(zip) };
            var updating = await platform.Api.SendJsonAsync("PUT", $"/2015-03-31/functions/{name}/code", change);
            Assert.Equal("InProgress", (string?)updating.Json!["LastUpdateStatus"]);
            var second = await platform.Api.SendJsonAsync("PUT", $"/2015-03-31/functions/{name}/configuration", new JsonObject { ["Timeout"] = 9 });
            Assert.Equal((409, "ResourceConflictException"), (second.Status, second.ErrorType));
            Assert.Equal(
                $"The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:us-east-1:123456789012:function:{name}",
                second.Message);

            // AWS serves the old code until the update is Successful; Fnq promises only that nothing older serves after that.
            Assert.Contains((await platform.Api.CallAsync(name)).ToJsonString(), (string[])["\"old\"", "\"new\""]);

            Assert.Equal(201, (await platform.Api.CreateAsync(LambdaApi.CreateRequest(young, "python3.13", "app.handler", zip))).Status);
            var early = await platform.Api.InvokeAsync(young);
            Assert.Equal((409, "ResourceConflictException"), (early.Status, early.ErrorType));
            Assert.Equal("The operation cannot be performed at this time. The function is currently in the following state: Pending", early.Message);
        }
        finally
        {
            await SignalAsync(slow, "-CONT");
        }

        await platform.Api.WaitUntilActiveAsync(name);
        await platform.Api.WaitUntilActiveAsync(young);
        Assert.Equal("\"new\"", (await platform.Api.CallAsync(name)).ToJsonString());
        Assert.Equal("\"new\"", (await platform.Api.CallAsync(young)).ToJsonString());
    }

    private static async Task SignalAsync(FnqProcess process, string signal) =>
        _ = (await Shell.RunAsync("kill", [signal, $"{process.Pid}"])).Checked;
}
