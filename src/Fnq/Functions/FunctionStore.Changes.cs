using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Functions.EventConfigs;
using Fnq.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Fnq.Functions;

internal sealed record NewFunction(
    FunctionKey Key, FunctionSpec Spec, CodePackage Code, Dictionary<string, string> Tags, bool Publish);

/// <summary>What a committed change made: the version to show, and what to announce.</summary>
internal sealed record CommittedChange(FunctionView Shown, string RevisionId, DeploymentId Deployment);

/// <summary>
/// Creating, updating and deleting. Every transaction is named by an id made before it, so that one whose commit
/// is unknown is looked up instead of being run twice. Locks are taken in one order: function, package, deployment, version.
/// </summary>
internal sealed partial class FunctionStore
{
    public async Task<CommittedChange> CreateAsync(NewFunction wanted, CancellationToken cancellationToken)
    {
        Guid id = Guid.CreateVersion7(), revision = Guid.NewGuid();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        CommittedChange? made = null;
        await InTransactionAsync(
            context,
            async token => made = await InsertAsync(context, wanted, id, revision, token),
            token => context.Set<FunctionRow>().AsNoTracking().AnyAsync(row => row.Id == id, token),
            cancellationToken);
        return made!;
    }

    /// <param name="key">The function whose <c>$LATEST</c> changes.</param>
    /// <param name="expectedRevision">Refused when it is not the current one; null is "any".</param>
    /// <param name="change">From the current configuration to the wanted one; may throw.</param>
    /// <param name="code">New code, or null.</param>
    /// <param name="publish">Also make a numbered version of the result.</param>
    /// <param name="cancellationToken">Of the request.</param>
    public async Task<CommittedChange> UpdateAsync(
        FunctionKey key, string? expectedRevision, Func<FunctionSpec, FunctionSpec> change, CodePackage? code, bool publish,
        CancellationToken cancellationToken)
    {
        var revision = Guid.NewGuid();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        CommittedChange? made = null;
        await InTransactionAsync(
            context,
            async token =>
            {
                var (function, latest) = await FindForChangeAsync(context, key, expectedRevision, token);
                latest.Spec = change(latest.Spec);
                latest.RevisionId = revision;
                latest.LastModified = time.GetUtcNow();
                FunctionLifecycle.BeginUpdate(latest);
                if (code is not null)
                {
                    (latest.CodeDigest, latest.CodeSize) = (code.Digest, code.Bytes.Length);
                    await InsertPackageAsync(context, code, token);
                }

                made = await SaveAsync(context, function, latest, publish, token);
            },
            token => context.Set<FunctionVersionRow>().AsNoTracking().AnyAsync(row => row.RevisionId == revision, token),
            cancellationToken);
        return made!;
    }

    /// <summary>The function with everything of it. Returns what the delete is announced by.</summary>
    public async Task<string> DeleteAsync(FunctionKey key, CancellationToken cancellationToken)
    {
        var revision = Guid.NewGuid();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await InTransactionAsync(
            context,
            async token =>
            {
                if (await Functions(context, key).ExecuteDeleteAsync(token) == 0)
                {
                    throw FunctionErrors.FunctionNotFound(key.Arn);
                }

                await DeleteDeploymentsAsync(context, key, token);
                context.Add(new FunctionDeletionRow
                {
                    RevisionId = revision, AccountId = key.AccountId, Region = key.Region, Name = key.Name, DeletedAt = time.GetUtcNow(),
                });
                await context.SaveChangesAsync(token);
            },
            token => context.Set<FunctionDeletionRow>().AsNoTracking().AnyAsync(row => row.RevisionId == revision, token),
            cancellationToken);
        await DropUnusedPackagesAsync(context, cancellationToken);
        return revision.ToString();
    }

    /// <summary>A published version; a version that is not there is as good as deleted.</summary>
    public async Task DeleteVersionAsync(FunctionKey key, int number, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var function = await Functions(context, key).AsNoTracking().FirstOrDefaultAsync(cancellationToken)
            ?? throw FunctionErrors.FunctionNotFound($"{key.Arn}:{number}");
        await context.Set<FunctionVersionRow>()
            .Where(row => row.FunctionId == function.Id && row.Number == number)
            .ExecuteDeleteAsync(cancellationToken);

        // After the version: a config that is being put holds a lock on it, and none can be put from here on.
        await context.Set<EventInvokeConfigRow>()
            .Where(row => row.FunctionId == function.Id && row.Qualifier == VersionName.Of(number))
            .ExecuteDeleteAsync(cancellationToken);
        await RetireDeploymentsAsync(context, key, cancellationToken);
    }

    private async Task<CommittedChange> InsertAsync(
        FnqDbContext context, NewFunction wanted, Guid id, Guid revision, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var function = new FunctionRow
        {
            Id = id, AccountId = wanted.Key.AccountId, Region = wanted.Key.Region, Name = wanted.Key.Name, Tags = wanted.Tags, CreatedAt = now,
        };
        var tags = FunctionsJson.Write(wanted.Tags, FunctionsJson.Api.DictionaryStringString);
        var inserted = await context.Database.ExecuteSqlAsync(
            $"""
            insert into functions (id, account_id, region, name, next_version, tags, created_at)
            values ({id}, {function.AccountId}, {function.Region}, {function.Name}, {function.NextVersion}, {tags}::json, {now})
            on conflict do nothing
            """, cancellationToken);
        if (inserted == 0)
        {
            throw FunctionErrors.AlreadyExists(wanted.Key);
        }

        context.Attach(function);
        await InsertPackageAsync(context, wanted.Code, cancellationToken);
        var latest = new FunctionVersionRow
        {
            FunctionId = id,
            Spec = wanted.Spec,
            CodeDigest = wanted.Code.Digest,
            CodeSize = wanted.Code.Bytes.Length,
            DeploymentId = "",
            RevisionId = revision,
            LastModified = now,
        };
        FunctionLifecycle.BeginCreate(latest);
        context.Add(latest);
        return await SaveAsync(context, function, latest, wanted.Publish, cancellationToken);
    }

    private static async Task<(FunctionRow Function, FunctionVersionRow Latest)> FindForChangeAsync(
        FnqDbContext context, FunctionKey key, string? expectedRevision, CancellationToken cancellationToken)
    {
        var function = await Functions(context, key).FirstOrDefaultAsync(cancellationToken) ?? throw FunctionErrors.FunctionNotFound(key.Arn);
        var latest = await context.Set<FunctionVersionRow>()
            .FirstOrDefaultAsync(row => row.FunctionId == function.Id && row.Number == FunctionVersionRow.Latest, cancellationToken)
            ?? throw FunctionErrors.FunctionNotFound(key.Arn);
        Changeable(key, latest, expectedRevision);

        // The tags of egress as of this revision or later: a change of them makes a new revision, and saving ours then fails.
        await context.Entry(function).ReloadAsync(cancellationToken);
        return (function, latest);
    }

    /// <summary>Throws unless a change may begin now.</summary>
    public static void Changeable(FunctionKey key, FunctionVersionRow latest, string? expectedRevision)
    {
        if (latest.State == FunctionState.Pending)
        {
            throw FunctionErrors.WrongState(latest.State);
        }

        if (latest.LastUpdateStatus == UpdateStatus.InProgress)
        {
            throw FunctionErrors.UpdateInProgress(key.Arn);
        }

        if (expectedRevision is not null && expectedRevision != latest.RevisionId.ToString())
        {
            throw FunctionErrors.StaleRevision();
        }
    }

    private async Task<CommittedChange> SaveAsync(
        FnqDbContext context, FunctionRow function, FunctionVersionRow latest, bool publish, CancellationToken cancellationToken)
    {
        try
        {
            var deployment = await InsertDeploymentAsync(context, function, latest, cancellationToken);
            var shown = publish ? await PublishAsync(context, function, latest, cancellationToken) : latest;
            await context.SaveChangesAsync(cancellationToken);
            return new(new(function, shown), latest.RevisionId.ToString(), deployment);
        }
        catch (DbUpdateConcurrencyException)
        {
            throw FunctionErrors.UpdateInProgress(function.Key.Arn);
        }
        catch (Exception gone) when (gone.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation })
        {
            // Deleted with its code between our first read and here.
            throw FunctionErrors.FunctionNotFound(function.Key.Arn);
        }
    }

    /// <summary>The transaction's connection is the context's; what an earlier try has tracked is forgotten.</summary>
    private static Task InTransactionAsync(
        FnqDbContext context, Func<CancellationToken, Task> operation, Func<CancellationToken, Task<bool>> isCommitted, CancellationToken cancellationToken) =>
        context.Database.CreateExecutionStrategy().ExecuteInTransactionAsync(
            token =>
            {
                context.ChangeTracker.Clear();
                return operation(token);
            },
            isCommitted,
            cancellationToken);
}
