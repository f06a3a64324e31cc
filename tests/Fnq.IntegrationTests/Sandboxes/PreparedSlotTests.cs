using System.Diagnostics;
using Fnq.Execution.Sandboxes;
using Fnq.IntegrationTests.Isolation;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

public sealed class PreparedSlotTests(SandboxHost host) : IClassFixture<SandboxHost>, IAsyncLifetime
{
    private SandboxOptions _options = null!;
    private OciSandboxBackend _backend = null!;

    public ValueTask InitializeAsync()
    {
        _options = SandboxHost.OptionsFor(Path.Join(host.Folder, Guid.NewGuid().ToString("N")[..8]), null) with
        {
            PreparedSlots = 2,
            PreparationQuiet = TimeSpan.FromMilliseconds(1),
        };
        _backend = new OciSandboxBackend(_options, TimeProvider.System, NullLogger<OciSandboxBackend>.Instance);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _backend.DisposeAsync();

    [Fact]
    public async Task Is_handed_out_with_code_layers_and_the_limits_of_its_function()
    {
        var stock = await StockAsync();
        var layers = Directory.CreateDirectory(Path.Join(host.Folder, "layers")).FullName;
        await File.WriteAllTextAsync(Path.Join(layers, "layer.txt"), "hello from the layer\n");
        await using var sandbox = await _backend.CreateAsync(Spec with { MemorySizeMb = 300, LayersFolder = layers }, CancellationToken.None);
        Assert.Contains(sandbox.Id, stock);
        var (_, output) = await sandbox.RunAsync("pwd; cat hello.txt /opt/layer.txt; ls -A /tmp | wc -l; stat -f -c %T /tmp");
        Assert.Equal("/var/task\nhello from the code\nhello from the layer\n0\next2/ext3\n", output);
        var group = $"fnq-tests/{sandbox.Id[..sandbox.Id.LastIndexOf('-')]}/{sandbox.Id[(sandbox.Id.LastIndexOf('-') + 1)..]}";
        Assert.Equal(CgroupLimits.MemoryBytes(300).ToString(), HostView.ReadCgroup(group, "memory.limit_in_bytes", "memory.max"));

        // What was taken is made again, and nothing that was used comes back.
        var next = await StockAsync();
        Assert.DoesNotContain(sandbox.Id, next);
    }

    [Fact]
    public async Task Its_code_can_be_neither_written_nor_mounted_again()
    {
        await StockAsync();
        // Open to all, so that nothing but the mount keeps it from being written.
        File.SetUnixFileMode(Spec.CodeFolder, (UnixFileMode)0x1ff);
        File.SetUnixFileMode(Path.Join(Spec.CodeFolder, "hello.txt"), (UnixFileMode)0x1b6);
        await using var sandbox = await _backend.CreateAsync(Spec, CancellationToken.None);
        // mount(2) and umount2(2) by number: the programs of that name refuse on their own.
        var (_, output) = await sandbox.RunAsync("""
            touch /var/task/x /opt/x /var/task/hello.txt 2>&1 | grep -c 'Read-only file system'
            perl -e '$d="/var/task"; print syscall(165, 0, $d, 0, 32|4096, 0), " ", $!+0, "\n"; print syscall(166, $d, 2), " ", $!+0, "\n"'
            grep -E ' /var/task | /opt ' /proc/self/mountinfo | cut -d' ' -f5,6 | sort | uniq -c | sed 's/,relatime//; s/^ *//'
            ls /proc/1/cwd 2>/dev/null
            true
            """);
        Assert.Equal("3\n-1 1\n-1 1\n1 /opt ro,nosuid,nodev\n2 /var/task ro,nosuid,nodev\n", output);
        Assert.Equal("hello from the code\n", await File.ReadAllTextAsync(Path.Join(host.Folder, "code", "hello.txt")));
    }

    [Fact]
    public async Task Two_of_one_stock_share_nothing()
    {
        await StockAsync();
        await using var first = await _backend.CreateAsync(Spec, CancellationToken.None);
        await using var second = await _backend.CreateAsync(Spec, CancellationToken.None);
        await first.RunAsync("echo secret-of-first >/tmp/canary");
        var (_, output) = await second.RunAsync("cat /tmp/canary 2>/dev/null; ls -A /tmp | wc -l");
        Assert.Equal("0\n", output);
    }

    [Fact]
    public async Task One_that_died_is_not_handed_out()
    {
        var stock = await StockAsync();
        var processes = stock.SelectMany(HostView.Processes).ToList();
        foreach (var process in processes)
        {
            using var one = Process.GetProcessById(process);
            one.Kill();
        }
        // A process leaves its control group before it has closed its sockets.
        await SandboxSteps.EventuallyAsync(() => !processes.Exists(ProcessFiles.IsAlive), () => "the end of both");
        await using var sandbox = await _backend.CreateAsync(Spec, CancellationToken.None);
        Assert.Equal((0, "hello from the code\n"), await sandbox.RunAsync("cat hello.txt"));
    }

    [Fact]
    public async Task Another_size_of_tmp_is_made_from_scratch()
    {
        var stock = await StockAsync();
        await using var sandbox = await _backend.CreateAsync(Spec with { EphemeralStorageMb = 600 }, CancellationToken.None);
        Assert.DoesNotContain(sandbox.Id, stock);
    }

    [Fact]
    public async Task Nothing_is_left_of_the_stock_when_its_worker_stops()
    {
        var stock = await StockAsync();
        var owner = stock[0][..stock[0].LastIndexOf('-')];
        Assert.Equal(2, HostView.LoopDevices(_options.ImageFolder).Count);
        await _backend.DisposeAsync();
        Assert.Empty(HostView.ProcessesBelow($"/fnq-tests/{owner}"));
        Assert.Empty(HostView.CgroupFolders($"fnq-tests/{owner}"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Join(_options.StateFolder, "slots")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Join(_options.StateFolder, "owners")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Join(_options.StateFolder, "sandboxes")));
        await SandboxSteps.EventuallyAsync(() => HostView.LoopDevices(_options.ImageFolder).Count == 0, () => "the end of its loop devices");
    }

    private SandboxSpec Spec => host.Spec(storageMb: 512);

    /// <summary>Ids of the sandboxes that stand by, once there are as many as are kept.</summary>
    private async Task<List<string>> StockAsync()
    {
        _backend.Expect(Spec.RootFileSystem);
        var ready = new List<string>();
        await SandboxSteps.EventuallyAsync(() => (ready = _backend.Prepared()).Count == 2, () => $"two prepared sandboxes, there are {ready.Count}");
        return ready;
    }
}
