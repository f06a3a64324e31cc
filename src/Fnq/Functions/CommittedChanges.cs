using Fnq.Contracts;

namespace Fnq.Functions;

/// <summary>
/// Tells of changes that are committed: nothing that goes wrong here may turn one into an error for its caller. What was
/// not announced is found by <see cref="FunctionStore.FindUnfinishedAsync"/>.
/// </summary>
internal sealed partial class CommittedChanges(FunctionCatalog catalog, IFunctionChanges changes, ILogger<CommittedChanges> logger)
{
    /// <param name="function">Whose configuration, code or existence changed.</param>
    /// <param name="revisionId">Of the change.</param>
    /// <param name="deployment">What runs from now on; null for a delete.</param>
    public async Task AnnounceAsync(FunctionKey function, string revisionId, DeploymentId? deployment)
    {
        catalog.Invalidate(function);
        try
        {
            await changes.AnnounceAsync(function, revisionId, deployment, CancellationToken.None);
        }
        catch (Exception failure)
        {
            LogNotAnnounced(logger, function, revisionId, failure);
        }
    }

    [LoggerMessage(1100, LogLevel.Warning, "Change {RevisionId} of {Function} is committed but not announced yet")]
    private static partial void LogNotAnnounced(ILogger logger, FunctionKey function, string revisionId, Exception failure);
}
