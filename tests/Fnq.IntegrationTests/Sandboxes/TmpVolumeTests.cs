using Fnq.Execution.Sandboxes;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

public sealed class TmpVolumeTests(SandboxHost host) : IClassFixture<SandboxHost>
{
    [Fact]
    public async Task A_small_function_fills_the_whole_of_its_tmp_and_no_more()
    {
        await using var sandbox = await host.CreateAsync(memorySizeMb: 128, storageMb: 512);
        var (_, output) = await sandbox.RunAsync("""
            head -c 268435456 /dev/zero >/tmp/first && head -c 268435456 /dev/zero >/tmp/second && stat -c %s /tmp/first /tmp/second
            head -c 33554432 /dev/zero >/tmp/third || echo full
            """);
        Assert.Contains("268435456\n268435456\n", output, StringComparison.Ordinal);
        Assert.Contains("No space left on device", output, StringComparison.Ordinal);
        Assert.EndsWith("full\n", output, StringComparison.Ordinal);
        Assert.Equal(0, sandbox.ReadUsage().OutOfMemoryKills);
    }

    [Theory]
    [InlineData(1), InlineData(16), InlineData(512), InlineData(10_240)]
    public async Task Has_the_size_it_was_asked_for(int sizeMb)
    {
        await using var sandbox = await host.CreateAsync(storageMb: sizeMb);
        var (_, output) = await sandbox.RunAsync("stat -f -c '%a %S %c' /tmp; stat -c %a /tmp; ls -A /tmp | wc -l");
        var fields = output.Split(' ', '\n');
        Assert.InRange(long.Parse(fields[0]) * long.Parse(fields[1]), (long)sizeMb << 20, (sizeMb + 2L) << 20);
        Assert.InRange(int.Parse(fields[2]), TmpImages.Inodes(sizeMb), TmpImages.Inodes(sizeMb) + 1_024);
        Assert.Equal(["1777", "0", ""], fields[3..]);
    }

    [Fact]
    public async Task Files_above_the_inode_limit_are_refused()
    {
        await using var sandbox = await host.CreateAsync(storageMb: 16);
        var (_, output) = await sandbox.RunAsync("""
            for i in $(seq 1200); do : >/tmp/$i || break; done
            ls /tmp | wc -l
            """);
        Assert.Contains("No space left on device", output, StringComparison.Ordinal);
        Assert.InRange(int.Parse(output.TrimEnd().Split('\n')[^1]), 900, 1_100);
    }

    [Fact]
    public async Task Its_device_is_there_for_one_sandbox_and_gone_with_it()
    {
        var before = HostView.LoopDevices(host.Options.ImageFolder).Count;
        var sandbox = await host.CreateAsync(storageMb: 512);
        Assert.Equal(before + 1, HostView.LoopDevices(host.Options.ImageFolder).Count);
        await sandbox.StartScriptAsync("head -c 60000000 /dev/zero >/tmp/unwritten; echo ready; exec sleep 1000 </tmp/unwritten");
        await sandbox.ReadUntilAsync("ready");
        await sandbox.DisposeAsync();
        await SandboxSteps.EventuallyAsync(
            () => HostView.LoopDevices(host.Options.ImageFolder).Count == before, () => "the end of its loop device");
        Assert.All(Directory.EnumerateFiles(host.Options.ImageFolder), f => Assert.StartsWith("tmp-", Path.GetFileName(f), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Allows_neither_setuid_nor_devices()
    {
        await using var sandbox = await host.CreateAsync();
        var (_, output) = await sandbox.RunAsync("grep ' /tmp ' /proc/self/mountinfo | cut -d' ' -f6; cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id; /tmp/id -u");
        var lines = output.Split('\n');
        Assert.Empty(((string[])["rw", "nosuid", "nodev"]).Except(lines[0].Split(',')));
        Assert.Equal("1000", lines[1]);
    }

    [Fact]
    public async Task Direct_writes_are_held_to_fifty_megabytes_a_second()
    {
        await using var sandbox = await host.CreateAsync(storageMb: 512);
        var began = TimeProvider.System.GetTimestamp();
        var (status, output) = await sandbox.RunAsync("dd if=/dev/zero of=/tmp/direct bs=1M count=150 oflag=direct 2>&1");
        Assert.True(status == 0, output);
        Assert.True(TimeProvider.System.GetElapsedTime(began) > TimeSpan.FromSeconds(2), $"150 MB took {TimeProvider.System.GetElapsedTime(began)}: {output}");
    }

    /// <summary>Not the shared backend: this one is told of a folder that cannot hold images.</summary>
    [Fact]
    public async Task Where_there_are_no_images_tmp_is_memory_and_one_warning_says_so()
    {
        var log = new WarningList();
        var options = SandboxHost.OptionsFor(Path.Join(host.Folder, "memory"), null) with { ImageFolder = "/proc/no-images" };
        await using var backend = new OciSandboxBackend(options, TimeProvider.System, log);
        for (var round = 0; round < 2; round++)
        {
            await using var sandbox = await backend.CreateAsync(host.Spec(), CancellationToken.None);
            var (_, output) = await sandbox.RunAsync("stat -f -c %T /tmp; stat -c %a /tmp");
            Assert.Equal("tmpfs\n1777\n", output);
        }
        Assert.Single(log.Warnings, w => w.Contains("/tmp of functions is memory", StringComparison.Ordinal));
    }

    private sealed class WarningList : ILogger<OciSandboxBackend>
    {
        public List<string> Warnings { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Warnings.Add(formatter(state, exception));
    }
}
