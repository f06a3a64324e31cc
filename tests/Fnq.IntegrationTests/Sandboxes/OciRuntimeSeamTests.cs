using Fnq.Execution.Sandboxes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

/// <summary>Another OCI runtime is a matter of configuration: here a program that writes down how it is called.</summary>
public sealed class OciRuntimeSeamTests(SandboxHost host) : IClassFixture<SandboxHost>
{
    [Fact]
    public async Task The_runtime_and_its_arguments_are_those_of_the_settings()
    {
        var record = Path.Join(host.Folder, "calls");
        var wrapper = Path.Join(host.Folder, "wrapper");
        await File.WriteAllTextAsync(wrapper, $"""
            #!/bin/sh
            printf '%s\n' "$*" >>{record}
            exec {OciRuntime.Find("crun") ?? OciRuntime.Find("runc")} "$@"

            """);
        File.SetUnixFileMode(wrapper, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var options = SandboxHost.OptionsFor(Path.Join(host.Folder, "seam"), wrapper) with { OciRuntimeArguments = ["--cgroup-manager=cgroupfs", "--log-format=text"] };
        await using var backend = new OciSandboxBackend(options, TimeProvider.System, NullLogger<OciSandboxBackend>.Instance);
        await using var sandbox = await backend.CreateAsync(host.Spec(), CancellationToken.None);
        Assert.Equal((0, "hello from the code\n"), await sandbox.RunAsync("cat hello.txt"));

        // The trial of the runtime, and the sandbox.
        var calls = await File.ReadAllLinesAsync(record);
        Assert.Equal(2, calls.Length);
        Assert.All(calls, call => Assert.StartsWith("--cgroup-manager=cgroupfs --log-format=text --log ", call, StringComparison.Ordinal));
        Assert.EndsWith($" {sandbox.Id}", calls[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_runtime_that_cannot_is_named_and_leaves_nothing()
    {
        var options = SandboxHost.OptionsFor(Path.Join(host.Folder, "broken"), "/bin/false");
        await using (var backend = new OciSandboxBackend(options, TimeProvider.System, NullLogger<OciSandboxBackend>.Instance))
        {
            var refused = await Assert.ThrowsAsync<SandboxException>(() => backend.CreateAsync(host.Spec(), CancellationToken.None));
            Assert.Contains("/bin/false ended with 1", refused.Message, StringComparison.Ordinal);
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Join(options.StateFolder, "slots")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Join(options.StateFolder, "sandboxes")));
        Assert.Empty(HostView.LoopDevices(options.ImageFolder));
    }
}
