using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Fleet;
using Fnq.IntegrationTests.Isolation;
using Xunit;

namespace Fnq.IntegrationTests.Faults;

/// <summary>Two workers of one host share the cache of unpacked code; one is killed while it unpacks.</summary>
[Collection(FleetCollection.Name)]
public sealed class ExtractionKillTests
{
    private const int Ballast = 20_000;

    [Fact]
    public async Task A_worker_killed_in_the_middle_leaves_a_draft_and_its_peer_the_whole_package_once()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var client = TestFleet.ClientOf(await fleet.ServeAsync("front", "api,triggers,scheduler"));
        FnqProcess[] workers = [await fleet.ServeAsync("host", "worker"), await fleet.ServeAsync("host", "worker")];
        var cache = Path.Combine(workers[0].DataFolder, "code");
        var drafts = Path.Combine(cache, "drafts");

        var creation = client.CreateAsync(FunctionSource.Python("crowd") with { Ballast = Ballast });
        FnqProcess? victim = null;
        await Until.TrueAsync(() => (victim = workers.FirstOrDefault(worker => IsUnpacking(worker, drafts))) is not null, "one unpacks", TimeSpan.FromSeconds(60));
        victim!.Kill();
        await victim.WaitForExitAsync();
        Assert.NotEmpty(Directory.EnumerateDirectories(drafts));
        await creation;

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => SucceedsAsync(client)));
        var package = Assert.Single(Directory.EnumerateDirectories(cache), folder => folder != drafts);
        Assert.Equal(Ballast + 1, Directory.EnumerateFiles(package, "*", SearchOption.AllDirectories).Count());

        await fleet.ServeAsync("host", "worker");
        Assert.Empty(Directory.EnumerateDirectories(drafts));
        await SucceedsAsync(client);
    }

    private static async Task SucceedsAsync(FunctionClient client)
    {
        var answer = await client.InvokeAsync("crowd", new { sleep = 0.2 });
        Assert.True(answer.IsSuccess, answer.Body);
    }

    /// <summary>It holds the lock of a draft in which there is something already.</summary>
    private static bool IsUnpacking(FnqProcess worker, string drafts) =>
        Directory.EnumerateFileSystemEntries($"/proc/{worker.Pid}/fd").Select(ProcessFiles.Link)
            .Where(link => link.StartsWith(drafts, StringComparison.Ordinal) && link.EndsWith(".lock", StringComparison.Ordinal))
            .Any(link => Directory.Exists(Path.Combine(link[..^".lock".Length], "ballast", "9")));
}
