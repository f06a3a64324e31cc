using System.Text;
using Fnq.Execution.Sandboxes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

/// <summary>One backend on folders of its own, with the runtimes that FNQ_TEST_RUNTIMES names.</summary>
public sealed class SandboxHost : IAsyncLifetime
{
    internal static readonly TimeSpan Patience = Cluster.Until.OnThisMachine(TimeSpan.FromSeconds(20));

    private readonly List<ISandbox> _sandboxes = [];
    private OciSandboxBackend? _backend;

    /// <summary>For a process that is killed in the middle: where somebody else clears away what is left.</summary>
    internal const string ParentVariable = "FNQ_TEST_HOST_PARENT";

    internal string Folder { get; } = Path.Join(
        Environment.GetEnvironmentVariable(ParentVariable) ?? Path.Join(Path.GetTempPath(), "fnq-sandbox-tests"), Guid.NewGuid().ToString("N")[..8]);

    internal ISandboxBackend Backend => _backend!;

    internal SandboxOptions Options { get; private set; } = null!;

    internal static string Runtimes => Cluster.Repository.RuntimesFolder;

    public ValueTask InitializeAsync()
    {
        if (Environment.UserName != "root")
        {
            throw new InvalidOperationException("The sandbox tests make namespaces and control groups: run them as root.");
        }
        Directory.CreateDirectory(Path.Join(Folder, "code"));
        File.WriteAllText(Path.Join(Folder, "code", "hello.txt"), "hello from the code\n");
        Options = OptionsFor(Path.Join(Folder, "state"), Environment.GetEnvironmentVariable("FNQ_TEST_OCI_RUNTIME"));
        _backend = new OciSandboxBackend(Options, TimeProvider.System, NullLogger<OciSandboxBackend>.Instance);
        return ValueTask.CompletedTask;
    }

    /// <summary>Ids and groups apart from a running fnq of the same machine.</summary>
    internal static SandboxOptions OptionsFor(string stateFolder, string? runtime) => new()
    {
        StateFolder = stateFolder,
        InitPath = Path.Join(Runtimes, "init"),
        OciRuntime = runtime,
        FirstHostUid = 800_000_000,
        CgroupParent = "fnq-tests",
        ImageFolder = Path.Join(stateFolder, "images"),
        PreparedSlots = 0,
        MaxSandboxes = 64,
    };

    internal SandboxSpec Spec(int memorySizeMb = 256, int storageMb = 16) => new()
    {
        RootFileSystem = Path.Join(Runtimes, "provided.al2023", "rootfs"),
        CodeFolder = Path.Join(Folder, "code"),
        MemorySizeMb = memorySizeMb,
        EphemeralStorageMb = storageMb,
    };

    internal async Task<ISandbox> CreateAsync(int memorySizeMb = 256, int storageMb = 16)
    {
        var sandbox = await Backend.CreateAsync(Spec(memorySizeMb, storageMb), TestContext.Current.CancellationToken);
        lock (_sandboxes)
        {
            _sandboxes.Add(sandbox);
        }
        return sandbox;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var sandbox in _sandboxes)
        {
            await sandbox.DisposeAsync();
        }
        _backend?.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}

internal static class SandboxSteps
{
    internal static Dictionary<string, string> Variables => new() { ["PATH"] = "/usr/bin:/bin", ["COLOUR"] = "green" };

    internal static ValueTask StartScriptAsync(this ISandbox sandbox, string script) =>
        sandbox.StartAsync(new ProcessSpec("/var/task", ["/bin/bash", "-c", script], Variables), CancellationToken.None);

    internal static async Task<SandboxEvent> NextEventAsync(this ISandbox sandbox)
    {
        using var patience = new CancellationTokenSource(SandboxHost.Patience);
        return await sandbox.Events.ReadAsync(patience.Token);
    }

    /// <summary>Runs a script to its end; its status and everything it printed.</summary>
    internal static async Task<(int Status, string Output)> RunAsync(this ISandbox sandbox, string script)
    {
        await sandbox.StartScriptAsync(script + "\nstatus=$?; printf 'END-%s' MARK; exit $status");
        var output = await sandbox.ReadUntilAsync("END-MARK");
        var exited = Assert.IsType<SandboxEvent.MainExited>(await sandbox.NextEventAsync());
        return (exited.Status, output.Replace("END-MARK", "", StringComparison.Ordinal));
    }

    internal static async Task<string> ReadUntilAsync(this ISandbox sandbox, string mark)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        await EventuallyAsync(() =>
        {
            var count = Native.Read(sandbox.Output, buffer);
            text.Append(Encoding.UTF8.GetString(buffer, 0, Math.Max(count, 0)));
            return text.ToString().Contains(mark, StringComparison.Ordinal);
        }, () => $"'{mark}' in the output: {text}");
        return text.ToString();
    }

    internal static async Task EventuallyAsync(Func<bool> condition, Func<string> what)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > SandboxHost.Patience)
            {
                Assert.Fail($"Never came: {what()}");
            }
            await Task.Yield();
        }
    }
}
