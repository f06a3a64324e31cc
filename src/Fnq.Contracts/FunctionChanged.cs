namespace Fnq.Contracts;

/// <summary>A function was created, updated or deleted: every node drops what it cached and acknowledges.</summary>
public sealed record FunctionChanged
{
    public required FunctionKey Function { get; init; }

    /// <summary>The revision that the acknowledgement names.</summary>
    public required string RevisionId { get; init; }

    /// <summary>What <c>$LATEST</c> now runs; null after a delete.</summary>
    public required DeploymentId? Deployment { get; init; }
}

/// <summary>
/// A node will serve nothing older than the revision. A worker says so at once, and a second time when it knows
/// whether it can run the deployment.
/// </summary>
public sealed record FunctionChangeAcknowledged
{
    public required FunctionKey Function { get; init; }
    public required string RevisionId { get; init; }
    public required NodeId Node { get; init; }

    /// <summary>Null in the first acknowledgement; only workers send the second.</summary>
    public required bool? CanRun { get; init; }

    /// <summary>Why not, in words for the user.</summary>
    public string? Reason { get; init; }
}
