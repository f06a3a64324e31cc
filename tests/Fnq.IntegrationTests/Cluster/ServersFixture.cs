using Xunit;

namespace Fnq.IntegrationTests.Cluster;

/// <summary>One broker and one database for a test class that kills neither.</summary>
public sealed class ServersFixture : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fnq-servers-").FullName;

    internal TestServers Servers { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Servers = await TestServers.StartAsync(_folder);

    public async ValueTask DisposeAsync()
    {
        await Servers.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
