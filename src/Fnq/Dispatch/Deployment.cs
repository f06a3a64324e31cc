using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>All that an execution environment needs to know of the function it runs. Immutable, so it is cached for ever.</summary>
public sealed record Deployment
{
    public required DeploymentId Id { get; init; }
    public required FunctionKey Function { get; init; }

    /// <summary><c>$LATEST</c> or a number.</summary>
    public required string Version { get; init; }
    public required string Runtime { get; init; }
    public required string Handler { get; init; }
    public required string Architecture { get; init; }
    public required int MemorySizeMb { get; init; }
    public required int TimeoutSeconds { get; init; }
    public required int EphemeralStorageMb { get; init; }
    public required string Role { get; init; }
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Lower-case hex SHA-256 of the code package: its key in the store and in every worker's cache.</summary>
    public required string CodeDigest { get; init; }

    /// <summary>Layer packages by digest, in the order in which they are laid over /opt.</summary>
    public IReadOnlyList<string> LayerDigests { get; init; } = [];
    public required string LogGroup { get; init; }

    /// <summary><c>Text</c> or <c>JSON</c>.</summary>
    public required string LogFormat { get; init; }

    /// <summary>One of <see cref="EgressMode"/>, by the function's tag; null leaves it to the worker.</summary>
    public string? Egress { get; init; }

    /// <summary>Entries as of <see cref="EgressRule"/> that are open to this function beside what the worker opens for all.</summary>
    public IReadOnlyList<string> EgressAllow { get; init; } = [];

    public TimeSpan Timeout => TimeSpan.FromSeconds(TimeoutSeconds);
}

/// <summary>Where deployments and their code come from; implemented by Functions, used by whoever dispatches or runs.</summary>
public interface IDeployments
{
    /// <summary>Null when the deployment was never made or its function is deleted.</summary>
    ValueTask<Deployment?> FindAsync(DeploymentId id, CancellationToken cancellationToken);

    /// <summary>The zip bytes of a code package or layer, by digest.</summary>
    Task<byte[]> ReadPackageAsync(string digest, CancellationToken cancellationToken);
}
