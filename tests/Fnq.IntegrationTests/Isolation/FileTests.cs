using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>Functions that fill, hoard, and lay traps in, the only place where they may write.</summary>
[Collection(Platform.Collection)]
public sealed class FileTests(Platform platform)
{
    private const int NoSpace = 28;
    private const int TooManyFiles = 24;
    private const long Mebibyte = 1 << 20;

    private const string Writing = """
        import os, shutil
        held = []
        def fill(write):
            done = 0
            try:
                while done < 1_100_000:
                    done += write(done)
                return {"done": done}
            except OSError as refused:
                return {"done": done, "errno": refused.errno}
        def touch(number):
            if number % 1000 == 0:
                os.makedirs(f"/tmp/many/{number}")
            os.close(os.open(f"/tmp/many/{number // 1000 * 1000}/{number}", os.O_CREAT | os.O_WRONLY))
            return 1
        def handler(event, context):
            match event.get("do"):
                case "size":
                    with open("/tmp/big", "wb", buffering=0) as file:
                        written = fill(lambda _: file.write(b"x" * 65536) and 1)
                    written["bytes"] = os.path.getsize("/tmp/big")
                    os.unlink("/tmp/big")
                    return written
                case "inodes":
                    made = fill(touch)
                    shutil.rmtree("/tmp/many")
                    return made
                case "descriptors":
                    before = len(os.listdir("/proc/self/fd")) - 1
                    opened = fill(lambda _: held.append(os.open("/dev/null", os.O_RDONLY)) or 1)
                    highest = max(held)
                    for fd in held: os.close(fd)
                    held.clear()
                    return opened | {"before": before, "highest": highest}
                case "write":
                    os.makedirs("/tmp/a/b")
                    with open("/tmp/a/b/leftover", "w") as file: file.write(event["text"])
                case "list":
                    return sorted(os.path.join(folder, name) for folder, folders, files in os.walk("/tmp") for name in folders + files)
                case "trap":
                    target = event["target"]
                    names = ["x", "core", "output", "runtime.log", "config.json", "lost+found/x", ".fnq", "telemetry.sock"]
                    os.makedirs("/tmp/lost+found", exist_ok=True)
                    for name in names: os.symlink(target + "/secret", "/tmp/" + name)
                    os.symlink(target, "/tmp/folder")
                    os.symlink("/etc/shadow", "/tmp/shadow")
                    os.mkfifo("/tmp/fifo")
                    if event.get("end") == "vanish": os._exit(3)
                    if event.get("end") == "hang":
                        while True: pass
                case "tidy":
                    # The same environment after a timeout: nothing has opened or followed anything.
                    return os.readlink("/tmp/x")
            return "alive"
        """;

    [Fact]
    public async Task H08_tmp_ends_at_its_size_and_at_its_number_of_files()
    {
        var (name, bytes) = await FillAsync(memoryMb: 1769);
        var inodes = await platform.Api.CallAsync(name, """{"do":"inodes"}""");
        Assert.Equal(NoSpace, (int?)inodes["errno"]);
        Assert.InRange((int)inodes["done"]!, 10_000, 1_000_000);
        TestContext.Current.SendDiagnosticMessage("/tmp of 512 MiB took {0} MiB in one file, then {1} files", bytes / Mebibyte, (int)inodes["done"]!);
        await platform.StillServesAsync(name);
    }

    [Fact]
    public Task H08_a_full_tmp_of_512_MB_is_no_memory_of_a_function_of_128_MB() => FillAsync(memoryMb: 128);

    [Fact]
    public async Task H09_descriptors_end_at_1024_and_those_of_the_worker_stay_its_own()
    {
        var name = await platform.DeployAttackerAsync(Writing);
        await platform.StillServesAsync(name);
        var before = DescriptorsOfTheWorker();
        var result = await platform.Api.CallAsync(name, """{"do":"descriptors"}""");
        Assert.Equal(TooManyFiles, (int?)result["errno"]);
        Assert.Equal(1_024, (int)result["done"]! + (int)result["before"]!);
        Assert.Equal(1_023, (int?)result["highest"]);
        await platform.StillServesAsync(name);

        // The stock and the warm environments of other tests come and go meanwhile, with some descriptors each.
        await Until.TrueAsync(() => DescriptorsOfTheWorker() <= before + 100, $"the worker has about the {before} descriptors it had");
    }

    [Fact]
    public async Task H24_tmp_is_fresh_for_every_environment_and_kept_by_it()
    {
        var first = await platform.DeployAttackerAsync(Writing);
        Assert.Equal("alive", (string?)await platform.Api.CallAsync(first, """{"do":"write","text":"of the first"}"""));
        string[] own = ["/tmp/a", "/tmp/a/b", "/tmp/a/b/leftover"];
        Assert.Equal(own, Names(await platform.Api.CallAsync(first, """{"do":"list"}""")));

        var beside = await platform.DeployAttackerAsync(Writing);
        Assert.Empty(Names(await platform.Api.CallAsync(beside, """{"do":"list"}""")));
        var sandbox = HostSandbox.Of(first);
        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", $"/2015-03-31/functions/{first}")).Status);
        await sandbox.GoneAsync(TimeSpan.FromSeconds(10));

        // Slots are given out again lowest first, so that this one most likely has the number and the user ids of the first.
        var after = await platform.DeployAttackerAsync(Writing);
        Assert.Empty(Names(await platform.Api.CallAsync(after, """{"do":"list"}""")));
        await platform.StillServesAsync(after);
    }

    [Theory]
    [InlineData("vanish")]
    [InlineData("hang")]
    [InlineData("return")]
    public async Task H31_links_in_tmp_are_followed_by_nobody_of_the_platform(string end)
    {
        var target = platform.NewFolder();
        File.SetUnixFileMode(target, (UnixFileMode)0b111_111_111);
        var secret = Path.Combine(target, "secret");
        await File.WriteAllTextAsync(secret, "canary of the host");
        File.SetUnixFileMode(secret, (UnixFileMode)0b110_110_110);
        var stamps = (File.GetLastWriteTimeUtc(secret), File.GetUnixFileMode(secret));
        var name = await platform.DeployAttackerAsync(Writing, timeoutSeconds: 2);
        var answer = await platform.Api.InvokeTailAsync(name, new JsonObject { ["do"] = "trap", ["target"] = target, ["end"] = end }.ToJsonString());
        Assert.Equal(200, answer.Status);
        Assert.DoesNotContain("canary of the host", answer.Text + answer.LogTail, StringComparison.Ordinal);
        if (end == "hang")
        {
            Assert.Equal($"{target}/secret", (string?)await platform.Api.CallAsync(name, """{"do":"tidy"}"""));
        }

        await platform.StillServesAsync(name);
        var sandboxes = HostSandbox.AllOf(name);
        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", $"/2015-03-31/functions/{name}")).Status);
        foreach (var sandbox in sandboxes)
        {
            await sandbox.GoneAsync(TimeSpan.FromSeconds(10));
        }

        // Whoever removes the sandbox removes the links and not what they point to.
        Assert.Equal("canary of the host", await File.ReadAllTextAsync(secret));
        Assert.Equal([secret], Directory.GetFileSystemEntries(target));
        Assert.Equal(stamps, (File.GetLastWriteTimeUtc(secret), File.GetUnixFileMode(secret)));
    }

    private int DescriptorsOfTheWorker() => Directory.GetFileSystemEntries($"/proc/{platform.Server.Pid}/fd").Length;

    private static IEnumerable<string> Names(JsonNode names) => names.AsArray().Select(name => (string)name!).Where(name => name != "/tmp/lost+found");

    /// <summary>One file takes all of /tmp and no more, and the function goes on.</summary>
    private async Task<(string Name, long Bytes)> FillAsync(int memoryMb)
    {
        var name = await platform.DeployAttackerAsync(Writing, memoryMb, timeoutSeconds: 300);
        var size = await platform.Api.CallAsync(name, """{"do":"size"}""");
        Assert.Equal(NoSpace, (int?)size["errno"]);
        Assert.InRange((long)size["bytes"]!, 450 * Mebibyte, 513 * Mebibyte);
        await platform.StillServesAsync(name);
        return (name, (long)size["bytes"]!);
    }
}
