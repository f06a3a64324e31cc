using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Lifecycle;

/// <summary>A node on a machine without privileges: functions as child processes, with a warning, never in production.</summary>
[Collection(Platform.Collection)]
public sealed class ProcessSandboxNodeTests(Platform platform)
{
    [Fact]
    public async Task It_serves_Python_and_Node_and_warns()
    {
        await using var node = await platform.StartServerAsync("process", new Dictionary<string, string?> { ["FNQ_SANDBOX"] = "process" });
        using var api = new LambdaApi(node.Address, Platform.AccessKeyId, Platform.Secret);
        var python = await api.DeployAsync("import os\ndef handler(event, context):\n    return [event['name'], os.environ['AWS_LAMBDA_FUNCTION_NAME']]\n");
        Assert.Equal($"""["you","{python}"]""", (await api.CallAsync(python, """{"name":"you"}""")).ToJsonString());
        var script = await api.DeployAsync("export const handler = async (e) => `Hello ${e.name}`;\n", null, "nodejs20.x", "index.mjs", "index.handler");
        Assert.Equal("\"Hello you\"", (await api.CallAsync(script, """{"name":"you"}""")).ToJsonString());
        Assert.Contains("NO ISOLATION", node.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_refused_in_production()
    {
        var refused = await platform.VerbAsync(["serve"], new Dictionary<string, string?>
        {
            ["FNQ_DATA"] = platform.NewFolder(),
            ["FNQ_PORT"] = "0",
            ["FNQ_SANDBOX"] = "process",
            ["FNQ_PRODUCTION"] = "on",
        });
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Equal("FNQ_SANDBOX=process isolates nothing and is refused with FNQ_PRODUCTION=on: set FNQ_SANDBOX=oci\n", refused.Error);
    }
}
