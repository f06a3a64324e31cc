using System.Diagnostics;
using Fnq.Execution.Sandboxes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

public sealed class SandboxSweepTests(SandboxHost host) : IClassFixture<SandboxHost>
{
    private const string StateVariable = "FNQ_TEST_HELD_STATE";

    [Fact]
    public async Task A_killed_worker_leaves_nothing_after_a_peer_has_swept()
    {
        using var worker = Process.Start(new ProcessStartInfo("dotnet",
            [typeof(SandboxSweepTests).Assembly.Location, "-method", $"{typeof(SandboxSweepTests).FullName}.{nameof(Hold_a_sandbox)}", "-explicit", "only"])
        {
            Environment = { [StateVariable] = host.Options.StateFolder, [SandboxHost.ParentVariable] = host.Folder },
        })!;
        var slots = Path.Join(host.Options.StateFolder, "slots");
        var running = Path.Join(host.Options.StateFolder, "held");
        await SandboxSteps.EventuallyAsync(() => File.Exists(running) || worker.HasExited, () => "a sandbox of the other worker");
        var id = await File.ReadAllTextAsync(running);
        var cgroup = $"fnq-tests/{id[..id.LastIndexOf('-')]}";
        Assert.NotEmpty(HostView.ProcessesBelow("/" + cgroup));

        // Its own backend does not touch what is alive.
        await host.Backend.SweepAsync(CancellationToken.None);
        Assert.NotEmpty(HostView.ProcessesBelow("/" + cgroup));

        // The one that runs, and two that stand by.
        var images = Path.Join(host.Options.StateFolder, "images");
        Assert.Equal(3, HostView.LoopDevices(images).Count);

        worker.Kill();
        await worker.WaitForExitAsync();
        await SandboxSteps.EventuallyAsync(() => HostView.ProcessesBelow("/" + cgroup).Count == 0, () => "the end of its processes by the lifeline alone");
        await SandboxSteps.EventuallyAsync(() => HostView.LoopDevices(images).Count == 0, () => "the end of its loop devices by nobody's hand");
        Assert.NotEmpty(HostView.CgroupFolders(cgroup));

        await host.Backend.SweepAsync(CancellationToken.None);
        Assert.Empty(HostView.CgroupFolders(cgroup));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(slots), s => new FileInfo(s).LinkTarget == Path.GetFileName(cgroup));
        Assert.False(Directory.Exists(Path.Join(host.Options.StateFolder, "sandboxes", id)));
        Assert.False(File.Exists(Path.Join(host.Options.StateFolder, "owners", Path.GetFileName(cgroup))));
        Assert.DoesNotContain(host.Options.StateFolder, await File.ReadAllTextAsync("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    /// <summary>The other worker: run by the test above in a process of its own, killed by it.</summary>
    [Fact(Explicit = true)]
    public async Task Hold_a_sandbox()
    {
        var state = Environment.GetEnvironmentVariable(StateVariable)!;
        var options = SandboxHost.OptionsFor(state, null) with { PreparedSlots = 2 };
        using var backend = new OciSandboxBackend(options, TimeProvider.System, NullLogger<OciSandboxBackend>.Instance);
        var sandbox = await backend.CreateAsync(host.Spec(), CancellationToken.None);
        await SandboxSteps.EventuallyAsync(() => backend.Prepared().Count == 2, () => "a stock");
        await sandbox.StartScriptAsync("(setsid sleep 1000 &); echo ready; sleep 1000");
        await sandbox.ReadUntilAsync("ready");
        var draft = Path.Join(state, "held.draft");
        await File.WriteAllTextAsync(draft, sandbox.Id);
        File.Move(draft, Path.Join(state, "held"));
        await sandbox.Events.ReadAsync();
    }
}
