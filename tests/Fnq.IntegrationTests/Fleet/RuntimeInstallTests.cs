using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>The only worker of its fleet: with another that has the runtime the function would be called ready before.</summary>
[Collection(FleetCollection.Name)]
public sealed class RuntimeInstallTests
{
    [Fact]
    public async Task A_runtime_is_installed_on_first_use()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("FNQ_TEST_LONG") == "1",
            "builds a root file system, which takes minutes: FNQ_TEST_LONG=1, or ./fnq test --long");
        await using var fleet = await TestFleet.StartAsync();
        var runtimes = Directory.CreateDirectory(fleet.FileOf("runtimes")).FullName;
        File.Copy(Path.Combine(Repository.RuntimesFolder, "init"), Path.Combine(runtimes, "init"));
        var node = await fleet.ServeAsync("install", "api,worker,triggers,scheduler", ("FNQ_RUNTIMES", runtimes));
        using var api = new LambdaApi(node.Address, TestFleet.KeyId, TestFleet.Secret);
        var name = $"first-{Guid.NewGuid():N}";
        var created = await api.CreateAsync(LambdaApi.CreateRequest(
            name, "nodejs22.x", "index.handler", CodeZip.Of(("index.mjs", "export const handler = async () => process.version;\n"))));
        Assert.Equal(201, created.Status);
        await api.WaitUntilActiveAsync(name);
        Assert.StartsWith("\"v22.", (await api.CallAsync(name)).ToJsonString(), StringComparison.Ordinal);
    }
}
