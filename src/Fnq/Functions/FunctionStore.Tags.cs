using Fnq.Contracts;
using Fnq.Storage;
using Microsoft.EntityFrameworkCore;

namespace Fnq.Functions;

internal sealed partial class FunctionStore
{
    /// <summary>
    /// Under a row lock: two callers that each add a tag both succeed. Returns what is to be announced when the change
    /// makes other deployments, else null.
    /// </summary>
    public async Task<CommittedChange?> ChangeTagsAsync(
        FunctionKey key, Action<Dictionary<string, string>> change, CancellationToken cancellationToken)
    {
        var revision = Guid.NewGuid();
        CommittedChange? made = null;
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await InTransactionAsync(
            context,
            async token =>
            {
                var function = await context.Set<FunctionRow>()
                    .FromSql($"select * from functions where account_id = {key.AccountId} and region = {key.Region} and name = {key.Name} for update")
                    .SingleOrDefaultAsync(token) ?? throw FunctionErrors.FunctionNotFound(key.Arn);
                var before = function.Tags;
                var tags = new Dictionary<string, string>(before);
                change(tags);
                function.Tags = tags;
                made = EgressTags.AreEqual(before, tags) ? null : await RedeployAsync(context, function, revision, token);
                await SaveTagsAsync(context, key, token);
            },
            // Setting the same tags twice is the same as once, but a deployment is announced by its revision.
            async token => made is not null && await context.Set<FunctionVersionRow>().AsNoTracking().AnyAsync(row => row.RevisionId == revision, token),
            cancellationToken);
        return made;
    }

    /// <summary>Tags belong to the function: its published versions get them too, all in one change.</summary>
    private async Task<CommittedChange> RedeployAsync(FnqDbContext context, FunctionRow function, Guid revision, CancellationToken cancellationToken)
    {
        var versions = await context.Set<FunctionVersionRow>().Where(row => row.FunctionId == function.Id)
            .OrderBy(row => row.Number).ToListAsync(cancellationToken);
        foreach (var version in versions)
        {
            Changeable(function.Key, version, expectedRevision: null);
            version.RevisionId = revision;
            version.LastModified = time.GetUtcNow();
            FunctionLifecycle.BeginUpdate(version);
            await InsertDeploymentAsync(context, function, version, cancellationToken);
        }

        var latest = versions[0];
        return new(new(function, latest), revision.ToString(), new DeploymentId(latest.DeploymentId));
    }

    private static async Task SaveTagsAsync(FnqDbContext context, FunctionKey key, CancellationToken cancellationToken)
    {
        try
        {
            await context.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateConcurrencyException)
        {
            throw FunctionErrors.UpdateInProgress(key.Arn);
        }
    }
}
