namespace Fnq.Execution;

/// <summary>What a worker may use and how long it keeps environments.</summary>
internal sealed record WorkerOptions
{
    /// <summary>MiB for all environments together; by default 80 % of the host, so that the platform survives.</summary>
    public required int MemoryMb { get; init; }

    /// <summary>Slots on this node.</summary>
    public int MaxEnvironments { get; init; } = 400;

    /// <summary>MiB expected of a deployment that has not run here yet; it is never expected to use more than it may.</summary>
    public int FirstGuessMb { get; init; } = 96;

    /// <summary>An idle environment ends after this long (AWS: 5 to 15 minutes, not documented).</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>An idle environment is frozen after this long, so that background threads get no CPU.</summary>
    public TimeSpan FreezeAfter { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>An environment is replaced after this long, whatever it does.</summary>
    public TimeSpan MaxLife { get; init; } = TimeSpan.FromHours(2);

    /// <summary>And after this many invocations.</summary>
    public int MaxInvocations { get; init; } = 10_000;

    /// <summary>Up to a fifth fewer, by its number, so that environments that share a load do not all end at once.</summary>
    public int InvocationsOf(int environment) => MaxInvocations - environment % 16 * (MaxInvocations / 80);

    /// <summary>Starts in flight at most, beyond the first of each deployment.</summary>
    public int Cores { get; init; } = Environment.ProcessorCount;
}
