using Fnq.Contracts;

namespace Fnq.Functions;

/// <summary>Tells every node of a committed change and, when all know it, calls <see cref="FunctionStore.CompleteAsync"/>.</summary>
internal interface IFunctionChanges
{
    /// <param name="function">What changed.</param>
    /// <param name="revisionId">Names the change; completing it needs the same.</param>
    /// <param name="deployment">What <c>$LATEST</c> is to run; null after a delete.</param>
    /// <param name="cancellationToken">Of the request: the announcement itself outlives it.</param>
    Task AnnounceAsync(FunctionKey function, string revisionId, DeploymentId? deployment, CancellationToken cancellationToken);
}

/// <summary>A change that was committed and whose announcement may have died with its process.</summary>
internal sealed record UnfinishedChange(FunctionKey Function, string RevisionId, DeploymentId? Deployment);
