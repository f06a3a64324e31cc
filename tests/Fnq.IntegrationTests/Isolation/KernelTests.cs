using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions that reach for the kernel: sockets, setuid programs, /proc/sys, the clock.</summary>
[Collection(Platform.Collection)]
public sealed class KernelTests(Platform platform)
{
    private const int NotPermitted = 1;
    private const int UnknownFamily = 97;
    private const int InetFamily = 2;
    private const int Inet6Family = 10;
    private const int RawType = 3;

    private const string Reaching = """
        import ctypes, os, shutil, stat, subprocess, sys, time
        libc = ctypes.CDLL(None, use_errno=True)
        def call(number, *arguments):
            ctypes.set_errno(0)
            result = libc.syscall(number, *arguments)
            return ctypes.get_errno() if result < 0 else 0
        def open_socket(family, kind, protocol):
            fd = libc.socket(family, kind, protocol)
            if fd < 0: return ctypes.get_errno()
            os.close(fd)
            return 0
        def sockets():
            plain = [[family, kind, open_socket(family, kind, 0)] for family in range(0, 48) for kind in (1, 2, 3, 5)]
            raw = [[family, protocol, open_socket(family, 3, protocol)] for family in (2, 10) for protocol in (1, 6, 17, 58, 255)]
            netlink = [[kind, protocol, open_socket(16, kind, protocol)] for kind in (2, 3) for protocol in range(0, 24)]
            return {"plain": plain, "raw": raw, "netlink": netlink}
        def setuid():
            copy = "/tmp/setuid-python"
            shutil.copy(sys.executable, copy)
            os.chmod(copy, 0o6755)
            ids = subprocess.run([copy, "-c", "import os; print(os.getresuid() + os.getresgid())"], stdout=subprocess.PIPE).stdout.decode().strip()
            def attempt(action):
                try: action(); return 0
                except OSError as refused: return refused.errno
            status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
            os.chmod(copy, 0o755)
            return {"mode": oct(stat.S_IMODE(0o6755)), "ids": ids, "chown": attempt(lambda: os.chown(copy, 0, 0)), "setuid": attempt(lambda: os.setuid(0)),
                    "setgroups": attempt(lambda: os.setgroups([0])), "no_new_privs": status["NoNewPrivs"], "capabilities": status["CapBnd"],
                    "device": attempt(lambda: os.mknod("/tmp/device", stat.S_IFCHR | 0o666, os.makedev(1, 1))),
                    "capability": attempt(lambda: os.setxattr(copy, "security.capability", b"\x01\x00\x00\x02" + b"\xff" * 16))}
        def writable():
            opened, tried = [], 0
            for root in ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/sys"):
                for folder, _, files in os.walk(root) if os.path.isdir(root) else [(os.path.dirname(root), [], [os.path.basename(root)])]:
                    for path in (os.path.join(folder, file) for file in files):
                        tried += 1
                        try:
                            os.close(os.open(path, os.O_WRONLY))
                            opened.append(path)
                        except OSError:
                            pass
            mounts = open("/proc/self/mountinfo").read()
            return {"tried": tried, "opened": opened, "cgroup": " cgroup" in mounts, "sys": os.listdir("/sys") if os.path.isdir("/sys") else [],
                    "mount": call(165, b"cgroup", b"/tmp", b"cgroup", 0, b"memory"), "mount2": call(165, b"cgroup2", b"/tmp", b"cgroup2", 0, None),
                    "own": open("/proc/self/cgroup").read()}
        def clock():
            now = (ctypes.c_long * 2)(1, 0)
            timex = ctypes.create_string_buffer(512)
            before = time.time()
            results = {"settimeofday": call(164, now, None), "clock_settime": call(227, 0, now), "clock_settime_monotonic": call(227, 1, now),
                       "adjtimex": call(159, timex), "clock_adjtime": call(305, 0, timex), "time_namespace": call(272, 0x80)}
            return results | {"moved": abs(time.time() - before) > 60}
        def handler(event, context):
            match event.get("do"):
                case "sockets": return sockets()
                case "setuid": return setuid()
                case "writable": return writable()
                case "clock": return clock()
            return "alive"
        """;

    [Fact]
    public async Task H27_no_sockets_but_local_internet_and_route_ones()
    {
        var name = await platform.DeployAttackerAsync(Reaching);
        var seen = await platform.Api.CallAsync(name, """{"do":"sockets"}""");
        var plain = Triples(seen["plain"]);
        Assert.Equal([1, InetFamily, Inet6Family, 16], plain.Where(each => each.Errno == 0).Select(each => each.First).Distinct());
        Assert.DoesNotContain(plain, each => each is { First: InetFamily or Inet6Family, Second: RawType, Errno: 0 });
        var others = plain.Where(each => each.First is not (1 or InetFamily or Inet6Family or 16)).ToList();
        Assert.Equal(44 * 4, others.Count);
        Assert.All(others, each => Assert.True(each.Errno is NotPermitted or UnknownFamily, $"family {each.First}: {each.Errno}"));
        Assert.All(Triples(seen["raw"]), each => Assert.Equal(NotPermitted, each.Errno));
        var netlink = Triples(seen["netlink"]);
        Assert.Equal([0], netlink.Where(each => each.Errno == 0).Select(each => each.Second).Distinct());
        Assert.All(netlink.Where(each => each.Second != 0), each => Assert.Equal(NotPermitted, each.Errno));
        await platform.StillServesAsync(name);
    }

    [Fact]
    public async Task H29_a_setuid_program_in_tmp_gains_nothing()
    {
        var name = await platform.DeployAttackerAsync(Reaching);
        var seen = await platform.Api.CallAsync(name, """{"do":"setuid"}""");
        Assert.Equal("(1000, 1000, 1000, 1000, 1000, 1000)", (string?)seen["ids"]);
        Assert.Equal(("1", "0000000000000000"), ((string)seen["no_new_privs"]!, (string)seen["capabilities"]!));
        Assert.All(["chown", "setuid", "setgroups", "device", "capability"], what => Assert.Equal(NotPermitted, (int?)seen[what]));
        await platform.StillServesAsync(name);
    }

    [Fact]
    public async Task H30_nothing_of_proc_sys_can_be_written_and_no_control_group_is_there()
    {
        var corePattern = await File.ReadAllTextAsync("/proc/sys/kernel/core_pattern");
        var name = await platform.DeployAttackerAsync(Reaching);
        var seen = await platform.Api.CallAsync(name, """{"do":"writable"}""");
        Assert.InRange((int)seen["tried"]!, 100, 100_000);
        Assert.Empty(seen["opened"]!.AsArray());
        Assert.Empty(seen["sys"]!.AsArray());
        Assert.False((bool)seen["cgroup"]!);
        Assert.Equal((NotPermitted, NotPermitted), ((int)seen["mount"]!, (int)seen["mount2"]!));

        // A namespace of its own: the path on the host is not told.
        Assert.DoesNotContain("fnq", (string)seen["own"]!, StringComparison.Ordinal);
        Assert.Equal(corePattern, await File.ReadAllTextAsync("/proc/sys/kernel/core_pattern"));
        await platform.StillServesAsync(name);
    }

    [Fact]
    public async Task H35_the_clock_cannot_be_touched()
    {
        var name = await platform.DeployAttackerAsync(Reaching);
        var seen = (await platform.Api.CallAsync(name, """{"do":"clock"}""")).AsObject();
        Assert.False((bool)seen["moved"]!);
        seen.Remove("moved");
        Assert.Equal(6, seen.Count);
        Assert.All(seen, call => Assert.Equal(NotPermitted, (int?)call.Value));
        await platform.StillServesAsync(name);
    }

    private static List<(int First, int Second, int Errno)> Triples(JsonNode? rows) =>
        [.. rows!.AsArray().Select(row => ((int)row![0]!, (int)row[1]!, (int)row[2]!))];
}
