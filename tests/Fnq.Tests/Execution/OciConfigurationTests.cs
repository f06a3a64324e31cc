using System.Text.Json;
using Fnq.Execution.Sandboxes;
using Xunit;

namespace Fnq.Tests.Execution;

/// <summary>What the OCI runtime is told; that the kernel then does it is shown with real sandboxes.</summary>
public sealed class OciConfigurationTests
{
    private static readonly SandboxSpec Spec = new() { RootFileSystem = "/root-fs", CodeFolder = "/code", MemorySizeMb = 256, EphemeralStorageMb = 512 };

    private static readonly OciInput Input = new(Spec, "/init", "/empty", "/proc/1/fd/9", "/fnq/a/1", 1_065_536, SeccompProfile.Load())
    {
        CpuQuotaMax = 32_000,
    };

    [Fact]
    public void Every_namespace_is_new() =>
        Assert.Equal(
            ["user", "pid", "mount", "ipc", "uts", "cgroup", "network"],
            Read(Input).GetProperty("linux").GetProperty("namespaces").EnumerateArray().Select(n => n.GetProperty("type").GetString()));

    [Fact]
    public void No_set_has_a_capability()
    {
        var sets = Read(Input).GetProperty("process").GetProperty("capabilities").EnumerateObject().ToList();
        Assert.Equal(5, sets.Count);
        Assert.All(sets, set => Assert.Equal(0, set.Value.GetArrayLength()));
    }

    [Fact]
    public void There_is_neither_sys_nor_shared_memory_nor_a_message_queue() =>
        Assert.Equal(["/proc", "/dev", "/tmp", "/var/task", "/opt", "/var/rapid/init"], Mounts(Input).Select(m => m.Destination));

    [Fact]
    public void Every_bind_but_tmp_is_read_only_and_none_has_devices_or_setuid()
    {
        var binds = Mounts(Input with { TmpFolder = "/slot/tmp" }).Where(m => m.Type == "bind").ToList();
        Assert.Equal(["/tmp"], binds.Where(m => !m.Options.Contains("ro")).Select(m => m.Destination));
        Assert.All(binds, m => Assert.Empty(((string[])["nosuid", "nodev"]).Except(m.Options)));
    }

    [Fact]
    public void Without_an_image_tmp_is_memory_of_its_size_with_an_inode_limit() =>
        Assert.Equal(
            ["nosuid", "nodev", "mode=1777", "size=512m", "nr_inodes=32768"], Mounts(Input).Single(m => m.Destination == "/tmp").Options);

    [Fact]
    public void Only_a_prepared_sandbox_sees_what_is_mounted_later()
    {
        Assert.DoesNotContain("rslave", JsonSerializer.Serialize(Read(Input)), StringComparison.Ordinal);
        var prepared = Input with { IsPrepared = true };
        Assert.Equal("rslave", Read(prepared).GetProperty("linux").GetProperty("rootfsPropagation").GetString());
        Assert.Equal(["/var/task", "/opt"], Mounts(prepared).Where(m => m.Options.Contains("rslave")).Select(m => m.Destination));
    }

    [Fact]
    public void A_slot_owns_a_range_of_ids()
    {
        var mapping = Read(Input).GetProperty("linux").GetProperty("uidMappings").EnumerateArray().Single();
        Assert.Equal((0, 1_065_536, 65_536), (
            mapping.GetProperty("containerID").GetInt32(), mapping.GetProperty("hostID").GetInt32(), mapping.GetProperty("size").GetInt32()));
    }

    private static JsonElement Read(OciInput input) => JsonDocument.Parse(OciConfiguration.Write(input)).RootElement;

    private static List<(string Destination, string Type, string[] Options)> Mounts(OciInput input) =>
    [
        .. Read(input).GetProperty("mounts").EnumerateArray().Select(m => (
            m.GetProperty("destination").GetString()!, m.GetProperty("type").GetString()!,
            m.GetProperty("options").EnumerateArray().Select(o => o.GetString()!).ToArray())),
    ];
}
