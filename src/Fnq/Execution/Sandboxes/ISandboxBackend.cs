using System.Net.Sockets;
using System.Threading.Channels;
using Fnq.Execution.Sandboxes.Egress;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>The isolation mechanism: the one extension point under an execution environment (oci, process).</summary>
internal interface ISandboxBackend
{
    string Name { get; }

    /// <summary>Makes a sandbox whose process 1 stands by and whose Runtime API listener is bound; nothing of the user runs yet.</summary>
    Task<ISandbox> CreateAsync(SandboxSpec spec, CancellationToken cancellationToken);

    /// <summary>A hint: sandboxes with this root file system will be asked for.</summary>
    void Expect(string rootFileSystem)
    {
    }

    /// <summary>Removes what dead owners left on this host. Runs at start and now and then.</summary>
    Task SweepAsync(CancellationToken cancellationToken);
}

internal sealed record SandboxSpec
{
    /// <summary>The runtime's root file system, mounted read-only.</summary>
    public required string RootFileSystem { get; init; }

    /// <summary>Extracted code, mounted read-only at /var/task.</summary>
    public required string CodeFolder { get; init; }

    /// <summary>Extracted layers merged in order, mounted read-only at /opt; null when there are none.</summary>
    public string? LayersFolder { get; init; }
    public required int MemorySizeMb { get; init; }
    public required int EphemeralStorageMb { get; init; }

    /// <summary>Null: nothing beyond loopback.</summary>
    public EgressPolicy? Egress { get; init; }
}

/// <summary>What process 1 is asked to run. Secrets travel here, over the control channel, and never touch argv or disk.</summary>
internal sealed record ProcessSpec(
    string WorkingFolder,
    IReadOnlyList<string> Arguments,
    IReadOnlyDictionary<string, string> Environment);

/// <summary>What a sandbox reports of itself.</summary>
internal abstract record SandboxEvent
{
    /// <summary>The main process ended: an exit code, or minus the signal number.</summary>
    internal sealed record MainExited(int Status) : SandboxEvent;

    /// <summary>The entry point could not be executed.</summary>
    internal sealed record StartFailed(int Errno) : SandboxEvent;

    /// <summary>Process 1 is gone and everything with it; always the last event.</summary>
    internal sealed record Ended : SandboxEvent;
}

/// <param name="PeakMemoryBytes">Highest memory use so far.</param>
/// <param name="OutOfMemoryKills">How often the kernel killed for memory.</param>
internal readonly record struct SandboxUsage(long PeakMemoryBytes, long OutOfMemoryKills);

internal interface ISandbox : IAsyncDisposable
{
    string Id { get; }

    /// <summary>Listens where the function sees its Runtime API. Whoever is accepted here is this sandbox: no token needed.</summary>
    Socket RuntimeApiListener { get; }

    /// <summary>Host and port as the function sees them, for AWS_LAMBDA_RUNTIME_API.</summary>
    string RuntimeApiAddress { get; }

    /// <summary>Listens where the function sees Fnq's own API; null where it reaches the API itself.</summary>
    Socket? ApiListener => null;

    /// <summary>Host and port of <see cref="ApiListener"/> as the function sees them.</summary>
    string? ApiAddress => null;

    /// <summary>Non-blocking read end of the pipe that is both standard output and standard error.</summary>
    SafeFileHandle Output { get; }

    ChannelReader<SandboxEvent> Events { get; }

    ValueTask StartAsync(ProcessSpec process, CancellationToken cancellationToken);

    /// <summary>SIGTERM to everything of the user.</summary>
    ValueTask TerminateAsync(CancellationToken cancellationToken);

    /// <summary>Ends everything of the user and keeps the sandbox with its /tmp; completes when all are gone.</summary>
    ValueTask KillProcessesAsync(CancellationToken cancellationToken);

    /// <summary>One vCPU or more while initialising, the share of the memory size from the first invocation on.</summary>
    void LimitCpu(bool initialising);

    void Freeze();

    void Thaw();

    SandboxUsage ReadUsage();
}
