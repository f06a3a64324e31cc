using System.Text;
using Fnq.Execution.Output;
using Fnq.Execution.Sandboxes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class ProcessSandboxTests
{
    [Fact]
    public void Production_refuses_it() => Assert.Throws<SandboxException>(
        () => new ProcessSandboxBackend(new ProcessSandboxOptions { IsProduction = true }, NullLogger<ProcessSandboxBackend>.Instance));

    [Fact]
    public async Task Runs_a_program_of_the_code_folder_kills_it_and_runs_it_again()
    {
        var folder = Directory.CreateTempSubdirectory("fnq-test-").FullName;
        var program = Path.Combine(folder, "bootstrap");
        await File.WriteAllTextAsync(program, "#!/bin/sh\necho \"$GREETING from $PWD\"\nexec sleep 100\n");
        using (var chmod = System.Diagnostics.Process.Start("chmod", ["0755", program]))
        {
            await chmod.WaitForExitAsync();
        }

        var backend = new ProcessSandboxBackend(
            new ProcessSandboxOptions { Folder = Path.Combine(folder, "sandboxes") }, NullLogger<ProcessSandboxBackend>.Instance);
        var spec = new SandboxSpec { RootFileSystem = folder, CodeFolder = folder, MemorySizeMb = 128, EphemeralStorageMb = 512 };
        await using (var sandbox = await backend.CreateAsync(spec, default))
        {
            var process = new ProcessSpec("/var/task", ["/var/task/bootstrap"], new Dictionary<string, string> { ["GREETING"] = "hello" });
            for (var i = 0; i < 2; i++)
            {
                await sandbox.StartAsync(process, default);
                Assert.Equal($"hello from {folder}\n", await ReadLineAsync(sandbox));
                await sandbox.KillProcessesAsync(default);
                Assert.Equal(new SandboxEvent.MainExited(-9), await sandbox.Events.ReadAsync());
            }

            await sandbox.StartAsync(process with { Arguments = ["/var/task/missing"] }, default);
            Assert.Equal(new SandboxEvent.StartFailed(2), await sandbox.Events.ReadAsync());
        }

        Directory.Delete(folder, recursive: true);
    }

    private static async Task<string> ReadLineAsync(ISandbox sandbox)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var line = new byte[4096];
        int count;
        while ((count = PipeCalls.Read(sandbox.Output, line)) <= 0)
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        return Encoding.UTF8.GetString(line, 0, count);
    }
}
