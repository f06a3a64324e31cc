using System.Text.Json;
using Fnq.Execution.Sandboxes;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class SeccompProfileTests
{
    private static readonly JsonElement Profile = JsonDocument.Parse(SeccompProfile.Load()).RootElement;
    private static readonly List<JsonElement> Rules = [.. Profile.GetProperty("syscalls").EnumerateArray()];

    [Theory]
    [InlineData("ptrace"), InlineData("process_vm_readv"), InlineData("process_vm_writev"), InlineData("mknod"), InlineData("mknodat"), InlineData("vmsplice")]
    [InlineData("unshare"), InlineData("setns"), InlineData("mount"), InlineData("umount2"), InlineData("move_mount"), InlineData("open_tree")]
    [InlineData("mount_setattr"), InlineData("pivot_root"), InlineData("chroot"), InlineData("bpf"), InlineData("perf_event_open")]
    [InlineData("io_uring_setup"), InlineData("userfaultfd"), InlineData("keyctl"), InlineData("add_key"), InlineData("request_key")]
    [InlineData("settimeofday"), InlineData("clock_settime"), InlineData("open_by_handle_at"), InlineData("kexec_load"), InlineData("init_module")]
    public void Refused(string name) => Assert.Empty(Of(name));

    [Fact]
    public void Whatever_is_not_named_is_refused_on_the_one_architecture()
    {
        Assert.Equal("SCMP_ACT_ERRNO", Profile.GetProperty("defaultAction").GetString());
        Assert.Equal(["SCMP_ARCH_X86_64"], Profile.GetProperty("architectures").EnumerateArray().Select(a => a.GetString()));
    }

    [Fact]
    public void Clone3_says_that_it_does_not_exist_so_that_libc_falls_back()
    {
        var rule = Of("clone3").Single();
        Assert.Equal(("SCMP_ACT_ERRNO", 38), (rule.GetProperty("action").GetString(), rule.GetProperty("errnoRet").GetInt32()));
    }

    [Fact]
    public void Clone_makes_no_namespace()
    {
        var condition = Of("clone").Single().GetProperty("args").EnumerateArray().Single();
        Assert.Equal(0x7E020000, condition.GetProperty("value").GetInt64());
        Assert.Equal(("SCMP_CMP_MASKED_EQ", 0), (condition.GetProperty("op").GetString(), condition.GetProperty("valueTwo").GetInt64()));
    }

    /// <summary>1 unix, 2 inet, 10 inet6, 16 netlink with protocol 0, which is NETLINK_ROUTE.</summary>
    [Fact]
    public void Sockets_are_of_four_families() =>
        Assert.Equal(["0=1", "0=2", "0=10", "0=16 2=0"], Of("socket").Select(rule => string.Join(' ', rule.GetProperty("args").EnumerateArray()
            .Select(a => $"{a.GetProperty("index")}={a.GetProperty("value")}"))));

    private static List<JsonElement> Of(string name) =>
        [.. Rules.Where(r => r.GetProperty("names").EnumerateArray().Any(n => n.GetString() == name))];
}
