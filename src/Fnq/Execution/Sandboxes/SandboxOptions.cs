using Fnq.Execution.Sandboxes.Egress;

namespace Fnq.Execution.Sandboxes;

internal sealed record SandboxOptions
{
    /// <summary>Host-wide run folder that all workers of one host share: slots, owners, bundles. Holds nothing worth keeping.</summary>
    public string StateFolder { get; init; } = "/run/fnq";

    /// <summary>Path of an OCI runtime; null tries crun, then runc, and takes the first that really runs a sandbox here.</summary>
    public string? OciRuntime { get; init; }

    /// <summary>Given to the OCI runtime before its command.</summary>
    public IReadOnlyList<string> OciRuntimeArguments { get; init; } = [];

    /// <summary>
    /// Holds the images behind /tmp, which have no names, and their blank templates. On a disk: what functions write
    /// there is not charged to their memory.
    /// </summary>
    public required string ImageFolder { get; init; }

    /// <summary>How many sandboxes are kept ready for each runtime that was asked for lately; 0 makes each when it is needed.</summary>
    public int PreparedSlots { get; init; } = 2;

    /// <summary>No sandbox is made ahead while others start, nor within this time of it: a burst is not held up.</summary>
    public TimeSpan PreparationQuiet { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>How long a runtime counts as asked for lately.</summary>
    public TimeSpan PreparedFor { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Path of the static program that is process 1 of every sandbox (src/runtimes/init).</summary>
    public required string InitPath { get; init; }

    /// <summary>Most sandboxes that may live on one host at a time, over all its workers.</summary>
    public int MaxSandboxes { get; init; } = 1_000;

    /// <summary>Slot i owns the host's user and group ids from here + i * 65,536 on.</summary>
    public int FirstHostUid { get; init; } = 1_000_000;

    /// <summary>Name of the control group above all sandboxes of the host.</summary>
    public string CgroupParent { get; init; } = "fnq";

    /// <summary>Share of the host's memory and processors that all sandboxes together may use; the rest is for worker, broker and database.</summary>
    public int PoolPercent { get; init; } = 80;

    /// <summary>Turned off only to measure what the filter costs.</summary>
    public bool Seccomp { get; init; } = true;

    /// <summary>What functions may reach beyond their loopback.</summary>
    public EgressOptions Egress { get; init; } = new();

    /// <summary>How long the OCI runtime may take for one sandbox.</summary>
    public TimeSpan CreateTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
