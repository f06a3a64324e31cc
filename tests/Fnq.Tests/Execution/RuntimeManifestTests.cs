using Fnq.Execution.Runtimes;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class RuntimeManifestTests
{
    private static readonly RuntimeManifest Node = new()
    {
        Name = "nodejs20.x",
        RuntimeVersion = "nodejs:20.v1",
        ArnHash = "",
        Entrypoint = ["/var/lang/bin/node", "/var/runtime/index.cjs"],
        HeapOption = "--max-old-space-size=",
    };

    [Fact]
    public void Heap_option_follows_the_memory_size() =>
        Assert.Equal(
            ["/var/lang/bin/node", "--max-old-space-size=115", "/var/runtime/index.cjs"],
            Node.ResolveEntrypoint("/nowhere", null, memorySizeMb: 128));

    [Fact]
    public void Without_a_heap_option_the_entry_point_is_as_it_stands() =>
        Assert.Equal(Node.Entrypoint, (Node with { HeapOption = null }).ResolveEntrypoint("/nowhere", null, memorySizeMb: 128));

    [Fact]
    public void Missing_candidates_give_no_entry_point() =>
        Assert.Null((Node with { EntrypointMode = RuntimeManifest.FirstExisting, Entrypoint = ["/var/task/bootstrap"] })
            .ResolveEntrypoint("/nowhere", null, memorySizeMb: 128));
}
