using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>A function that always works: after every attack the next good request has to pass.</summary>
public sealed class GoodFunction(Platform platform) : IAsyncLifetime
{
    internal const string Code = "def handler(event, context):\n    return event\n";

    internal string Name { get; private set; } = "";

    public async ValueTask InitializeAsync() => Name = await platform.Api.DeployAsync(Code);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    internal async Task AnswersAsync() => Assert.Equal("""{"good":1}""", (await platform.Api.CallAsync(Name, """{"good":1}""")).ToJsonString());
}
