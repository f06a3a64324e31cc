using Fnq.Contracts;
using Fnq.Storage;
using Microsoft.EntityFrameworkCore;

namespace Fnq.Functions;

/// <summary>The end of a change: every node knows it, or will not.</summary>
internal sealed partial class FunctionStore
{
    /// <summary>
    /// Pending becomes Active or Failed, InProgress becomes Successful or Failed, with a new revision; a delete's
    /// tombstone goes. Does nothing when the change is no longer the one in progress. True when it did something.
    /// </summary>
    public async Task<bool> CompleteAsync(FunctionKey function, string revisionId, bool ok, string? reason, CancellationToken cancellationToken)
    {
        if (!Guid.TryParse(revisionId, out var revision))
        {
            return false;
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.Set<FunctionDeletionRow>().Where(row => row.RevisionId == revision).ExecuteDeleteAsync(cancellationToken) > 0)
        {
            return true;
        }

        var rows = await Functions(context, function)
            .Join(context.Set<FunctionVersionRow>(), row => row.Id, version => version.FunctionId, (_, version) => version)
            .Where(version => version.RevisionId == revision)
            .ToListAsync(cancellationToken);
        var open = rows.Where(FunctionLifecycle.IsInProgress).ToList();
        var next = Guid.NewGuid();
        open.ForEach(row => FunctionLifecycle.Complete(row, ok, reason, next));
        try
        {
            await context.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateConcurrencyException)
        {
            return false;
        }

        if (open.Count > 0)
        {
            await RetireDeploymentsAsync(context, function, cancellationToken);
        }

        return open.Count > 0;
    }

    /// <summary>Changes that were committed that long ago and are still open: their announcer has died.</summary>
    public async Task<IReadOnlyList<UnfinishedChange>> FindUnfinishedAsync(TimeSpan olderThan, CancellationToken cancellationToken)
    {
        var before = time.GetUtcNow() - olderThan;
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var open = await context.Set<FunctionVersionRow>().AsNoTracking()
            .Where(row => row.LastModified < before && row.Number == FunctionVersionRow.Latest
                && (row.State == FunctionState.Pending || row.LastUpdateStatus == UpdateStatus.InProgress))
            .Join(context.Set<FunctionRow>(), version => version.FunctionId, function => function.Id, (version, function) => new
            {
                function.AccountId, function.Region, function.Name, version.RevisionId, version.DeploymentId,
            })
            .ToListAsync(cancellationToken);
        var deleted = await context.Set<FunctionDeletionRow>().AsNoTracking().Where(row => row.DeletedAt < before).ToListAsync(cancellationToken);
        return
        [
            .. open.Select(row => new UnfinishedChange(
                new(row.AccountId, row.Region, row.Name), row.RevisionId.ToString(), new DeploymentId(row.DeploymentId))),
            .. deleted.Select(row => new UnfinishedChange(new(row.AccountId, row.Region, row.Name), row.RevisionId.ToString(), null)),
        ];
    }
}
