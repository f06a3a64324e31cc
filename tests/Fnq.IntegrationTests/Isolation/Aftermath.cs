using System.Collections.Concurrent;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>What has to hold after every attack, whatever it was.</summary>
internal static class Aftermath
{
    private static readonly ConcurrentDictionary<Platform, Task<string>> WellBehaved = new();

    /// <summary>The worker lives, a function of somebody else works, and so does the next invocation of the attacker's own.</summary>
    public static async Task StillServesAsync(this Platform platform, string? attacker = null)
    {
        Assert.False(platform.Server.HasExited, "the worker has ended");
        var neighbour = await WellBehaved.GetOrAdd(platform, p => p.Api.DeployAsync("def handler(event, context):\n    return 'well'\n"));
        Assert.Equal("well", (string?)await platform.Api.CallAsync(neighbour));
        if (attacker is not null)
        {
            Assert.Equal("alive", (string?)await platform.Api.CallAsync(attacker));
        }
    }

    /// <summary>A function that attacks by what <c>event["do"]</c> says, and returns "alive" otherwise.</summary>
    public static Task<string> DeployAttackerAsync(
        this Platform platform, string code, int memoryMb = 512, int timeoutSeconds = 30, int storageMb = 512) =>
        platform.Api.DeployAsync(code, request =>
        {
            request["MemorySize"] = memoryMb;
            request["Timeout"] = timeoutSeconds;
            request["EphemeralStorage"] = new System.Text.Json.Nodes.JsonObject { ["Size"] = storageMb };
        });

    public static string TimedOut(ApiAnswer answer, int seconds) =>
        $$"""{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {{answer.RequestId}} Error: Task timed out after {{seconds}}.00 seconds"}""";

    public static string OutOfMemory(ApiAnswer answer) =>
        $$"""{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: {{answer.RequestId}} Error: Runtime exited with error: signal: killed"}""";
}
