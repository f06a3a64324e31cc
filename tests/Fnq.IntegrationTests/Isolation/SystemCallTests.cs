using System.Text.Json;
using System.Text.Json.Nodes;
using Fnq.Execution.Sandboxes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>
/// Calls every system call number there is from inside (syscalls.c) and compares what was let through with what the
/// profile allows.
/// </summary>
[Collection(Platform.Collection)]
public sealed class SystemCallTests(Platform platform)
{
    private const int LetThrough = NotImplemented;
    private const int NotImplemented = -38;
    private const int Refused = -1;
    private const int KilledByTheFilter = 1000 + 31;
    private const int KilledAsIllegal = 1000 + 4;
    private const int NoSuchDevice = -6;

    /// <summary>How a 32-bit call ends where the kernel has none.</summary>
    private const int NoSuchGate = 1000 + 11;

    private static readonly string[] Escapes =
    [
        "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "ptrace", "process_vm_readv",
        "process_vm_writev", "bpf", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "keyctl", "add_key", "request_key",
        "perf_event_open", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "mknod", "mknodat", "vmsplice",
        "open_by_handle_at", "name_to_handle_at", "swapon", "reboot", "syslog", "acct", "quotactl", "settimeofday", "clock_settime",
        "clock_adjtime", "adjtimex", "iopl", "ioperm", "kcmp", "pidfd_getfd", "fanotify_init", "lookup_dcookie", "vhangup", "sethostname",
    ];

    [Fact]
    public async Task H28_exactly_the_system_calls_of_the_profile_are_let_through()
    {
        var results = await CallAsync(await DeployAsync(), """{"mode":"decide"}""");
        var numbers = await NumbersAsync();
        var known = numbers.ToDictionary(pair => pair.Value, pair => pair.Key);
        var profile = Profile();
        var native = Values(results, "native");
        var passed = native.Select((value, number) => (value, number))
            .Where(each => each.value == LetThrough && !IsAnsweredByRunc(each.number)).Select(each => each.number).ToList();
        Assert.All(native.Select(Judged), value => Assert.True(value is LetThrough or Refused, $"result {value}"));

        // With -1 for every argument, so that what the profile allows for some arguments only is refused.
        Assert.All(passed, number => Assert.Contains(known.GetValueOrDefault(number, $"number {number}"), profile.Always.Append("clone3")));
        var missing = profile.Always.Where(name => numbers.TryGetValue(name, out var number) && number <= LastOfTheFilterLibrary && !passed.Contains(number));
        Assert.Empty(missing);
        Assert.All(Escapes, name => Assert.DoesNotContain(numbers[name], passed));
        TestContext.Current.SendDiagnosticMessage("{0} of {1} system call numbers are let through", passed.Count, native.Count);
    }

    [Fact]
    public async Task H28_the_x32_and_the_32_bit_gates_are_closed()
    {
        var results = await CallAsync(await DeployAsync(), """{"mode":"decide"}""");
        Assert.All(Values(results, "x32"), value => Assert.True(value is Refused or KilledByTheFilter, $"result {value}"));
        Assert.All(Values(results, "i386"), value => Assert.True(value is Refused or KilledByTheFilter or NoSuchGate, $"result {value}"));
    }

    [Fact]
    public async Task H28_calls_with_arguments_pass_with_those_of_the_profile_only()
    {
        const uint NewNamespaces = 0x7E02_0000;
        const int Clone = 56, Socket = 41, SocketPair = 53, Personality = 135;
        var flags = Enumerable.Range(0, 32).Select(bit => 1u << bit).ToList();
        var families = Enumerable.Range(0, 48).ToList();
        var protocols = Enumerable.Range(0, 24).ToList();
        uint[] personalities = [0, 8, 0x20000, 0x20008, 0xFFFFFFFF, 1, 0x40000, 0x8000000];
        var calls = new List<string>
        {
            $"{Clone}:17",
        };
        calls.AddRange(flags.Select(flag => $"{Clone}:{flag}"));
        calls.AddRange(families.Select(family => $"{Socket}:{family}:1:0"));
        calls.AddRange(families.Select(family => $"{SocketPair}:{family}:1:0"));
        calls.AddRange(protocols.Select(protocol => $"{Socket}:16:3:{protocol}"));
        calls.AddRange(personalities.Select(value => $"{Personality}:{value}"));
        var answer = await CallAsync(await DeployAsync(), new JsonObject { ["mode"] = "decide", ["calls"] = string.Join(',', calls) }.ToJsonString());
        var results = new Queue<int>(Values(answer, "calls"));
        Assert.Equal(calls.Count, results.Count);

        List<T> Passed<T>(IEnumerable<T> asked) => [.. asked.Where(_ => results.Dequeue() == LetThrough)];
        Assert.Equal([17u], Passed([17u]));
        Assert.Equal(flags.Where(flag => (flag & NewNamespaces) == 0), Passed(flags));
        Assert.Equal([1, 2, 10, 16], Passed(families));
        Assert.Equal([1], Passed(families));
        Assert.Equal([0], Passed(protocols));
        Assert.Equal([0u, 8, 0x20000, 0x20008, 0xFFFFFFFF], Passed(personalities));
    }

    /// <summary>Not only decided but really called: nothing of it does harm, and what the profile refuses is refused for good.</summary>
    [Fact]
    public async Task H28_every_call_really_made_leaves_worker_and_sandbox_alive()
    {
        var name = await DeployAsync();
        var results = await CallAsync(name, """{"mode":"run"}""");
        var numbers = await NumbersAsync();
        var native = Values(results, "native");
        var profile = Profile();
        var allowed = profile.Always.Concat(profile.ByArguments).Where(numbers.ContainsKey).Select(called => numbers[called]).ToHashSet();
        allowed.Add(numbers["clone3"]);
        Assert.All(
            native.Select((value, number) => (number, result: Judged(value, number))).Where(each => !allowed.Contains(each.number)),
            each => Assert.True(each.result == Refused || (each.result == NotImplemented && IsAnsweredByRunc(each.number)), $"{each}"));

        // So that a C library takes clone instead, which shows its flags to the filter.
        Assert.Equal(NotImplemented, native[numbers["clone3"]]);
        Assert.Equal(548, native.Count);
        Assert.NotEmpty(Values(await CallAsync(name, """{"mode":"decide"}"""), "native"));
        await platform.StillServesAsync();
    }

    /// <summary>Calls above this one are younger than the filter library of Debian 12, which leaves out what it does not know.</summary>
    private const int LastOfTheFilterLibrary = 449;

    /// <summary>runc puts a filter of its own before ours, which answers ENOSYS to calls that are younger than the library.</summary>
    private static bool IsAnsweredByRunc(int number) => OciRuntimeUnderTest.IsRunc && number > LastOfTheFilterLibrary;

    private async Task<string> DeployAsync()
    {
        var folder = platform.NewFolder();
        var source = Path.Combine(Repository.Root, "tests", "Fnq.IntegrationTests", "Isolation", "syscalls.c");
        var program = Path.Combine(folder, "bootstrap");
        _ = (await Shell.RunAsync("gcc", ["-O1", "-static", "-Wall", "-Wextra", "-Werror", "-o", program, source])).Checked;
        var name = $"syscalls-{Guid.NewGuid():N}";
        var request = LambdaApi.CreateRequest(name, "provided.al2023", "unused", CodeZip.OfProgram("bootstrap", await File.ReadAllBytesAsync(program)));
        request["Timeout"] = 120;
        request["MemorySize"] = 1769;
        var created = await platform.Api.CreateAsync(request);
        Assert.True(created.Status == 201, created.Text);
        await platform.Api.WaitUntilActiveAsync(name);
        return name;
    }

    /// <summary>
    /// The kernel asks no filter about uretprobe and uprobe, and ends or refuses whoever makes these calls from anywhere
    /// but its own trampolines.
    /// </summary>
    private static int Judged(int value, int number) => (number, value) is (335, KilledAsIllegal) or (336, NoSuchDevice) ? Refused : value;

    private Task<JsonNode> CallAsync(string name, string payload) => platform.Api.CallAsync(name, payload);

    private static List<int> Values(JsonNode results, string name) => [.. results[name]!.AsArray().Select(value => (int)(long)value!)];

    /// <summary>The numbers of this machine's headers, and of the calls that are younger than those of Debian 12.</summary>
    private static async Task<Dictionary<string, int>> NumbersAsync()
    {
        var macros = (await Shell.RunAsync("gcc", ["-E", "-dM", "-include", "asm/unistd_64.h", "-x", "c", "/dev/null"])).Checked;
        var numbers = new Dictionary<string, int>
        {
            ["cachestat"] = 451, ["fchmodat2"] = 452, ["map_shadow_stack"] = 453, ["futex_wake"] = 454, ["futex_wait"] = 455,
            ["futex_requeue"] = 456, ["mseal"] = 462,
        };
        foreach (var fields in macros.Split('\n').Select(line => line.Split(' ')).Where(fields => fields is [_, _, _]))
        {
            if (fields[1].StartsWith("__NR_", StringComparison.Ordinal) && int.TryParse(fields[2], out var number))
            {
                numbers[fields[1]["__NR_".Length..]] = number;
            }
        }

        return numbers;
    }

    /// <summary>The names that the profile allows whatever their arguments, and those it allows for some.</summary>
    private static (HashSet<string> Always, HashSet<string> ByArguments) Profile()
    {
        using var profile = JsonDocument.Parse(SeccompProfile.Load());
        var (always, byArguments) = (new HashSet<string>(), new HashSet<string>());
        foreach (var rule in profile.RootElement.GetProperty("syscalls").EnumerateArray())
        {
            if (rule.GetProperty("action").GetString() == "SCMP_ACT_ALLOW")
            {
                (rule.TryGetProperty("args", out _) ? byArguments : always).UnionWith(rule.GetProperty("names").EnumerateArray().Select(name => name.GetString()!));
            }
        }

        return (always, byArguments);
    }
}
