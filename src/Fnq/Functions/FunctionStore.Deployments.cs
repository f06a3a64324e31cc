using Fnq.Contracts;
using Fnq.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Fnq.Functions;

/// <summary>Deployments and packages: rows that are only ever inserted or dropped.</summary>
internal sealed partial class FunctionStore
{
    /// <summary>How long requests for a deployment that its function has left may still be under way.</summary>
    private static readonly TimeSpan RetiredFor = TimeSpan.FromHours(1);

    /// <summary>Locks the row even where it is there already, so that nobody drops it before this transaction refers to it.</summary>
    private async Task InsertPackageAsync(FnqDbContext context, CodePackage code, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        long size = code.Bytes.Length;
        var bytes = code.Bytes.ToArray();
        await context.Database.ExecuteSqlAsync(
            $"""
            insert into code_packages (digest, size, bytes, created_at) values ({code.Digest}, {size}, {bytes}, {now})
            on conflict (digest) do update set size = excluded.size
            """, cancellationToken);
    }

    private async Task<DeploymentId> InsertDeploymentAsync(
        FnqDbContext context, FunctionRow function, FunctionVersionRow version, CancellationToken cancellationToken)
    {
        var key = function.Key;
        var deployment = DeploymentIdentity.Of(key, version.Version, version.Spec, version.CodeDigest, function.Tags);
        var spec = FunctionsJson.Write(deployment, FunctionsJson.Api.Deployment);
        var id = deployment.Id.Value;
        var now = time.GetUtcNow();
        await context.Database.ExecuteSqlAsync(
            $"""
            insert into deployments (id, account_id, region, name, code_digest, spec, created_at)
            values ({id}, {key.AccountId}, {key.Region}, {key.Name}, {version.CodeDigest}, {spec}::json, {now})
            on conflict (id) do update set retired_at = null
            """, cancellationToken);
        version.DeploymentId = id;
        return deployment.Id;
    }

    /// <summary>Unchanged code and configuration since the last version is that version.</summary>
    private async Task<FunctionVersionRow> PublishAsync(
        FnqDbContext context, FunctionRow function, FunctionVersionRow latest, CancellationToken cancellationToken)
    {
        var last = await context.Set<FunctionVersionRow>()
            .Where(row => row.FunctionId == function.Id && row.Number != FunctionVersionRow.Latest)
            .OrderByDescending(row => row.Number)
            .FirstOrDefaultAsync(cancellationToken);
        if (last is not null && last.CodeDigest == latest.CodeDigest
            && FunctionsJson.Write(last.Spec, FunctionsJson.Api.FunctionSpec) == FunctionsJson.Write(latest.Spec, FunctionsJson.Api.FunctionSpec))
        {
            return last;
        }

        var version = new FunctionVersionRow
        {
            FunctionId = function.Id,
            Number = function.NextVersion++,
            Spec = latest.Spec,
            CodeDigest = latest.CodeDigest,
            CodeSize = latest.CodeSize,
            DeploymentId = "",
            RevisionId = latest.RevisionId,
            LastModified = latest.LastModified,
        };
        FunctionLifecycle.BeginCreate(version);
        await InsertDeploymentAsync(context, function, version, cancellationToken);
        context.Add(version);
        return version;
    }

    private static Task<int> DeleteDeploymentsAsync(FnqDbContext context, FunctionKey key, CancellationToken cancellationToken) =>
        context.Database.ExecuteSqlAsync(
            $"delete from deployments where account_id = {key.AccountId} and region = {key.Region} and name = {key.Name}", cancellationToken);

    /// <summary>Marks what no version runs any more and drops what was marked long enough ago.</summary>
    private async Task RetireDeploymentsAsync(FnqDbContext context, FunctionKey key, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await context.Database.ExecuteSqlAsync(
            $"""
            update deployments d set retired_at = {now}
            where account_id = {key.AccountId} and region = {key.Region} and name = {key.Name} and retired_at is null
              and not exists (select from function_versions v where d.id in (v.deployment_id, v.served_deployment_id))
            """, cancellationToken);
        var before = now - RetiredFor;
        var dropped = await context.Database.ExecuteSqlAsync(
            $"""
            delete from deployments d
            where account_id = {key.AccountId} and region = {key.Region} and name = {key.Name} and retired_at < {before}
              and not exists (select from function_versions v where d.id in (v.deployment_id, v.served_deployment_id))
            """, cancellationToken);
        if (dropped > 0)
        {
            await DropUnusedPackagesAsync(context, cancellationToken);
        }
    }

    /// <summary>Housekeeping after a commit: if somebody begins to use a package at the same moment, the foreign key wins.</summary>
    private static async Task DropUnusedPackagesAsync(FnqDbContext context, CancellationToken cancellationToken)
    {
        try
        {
            await context.Database.ExecuteSqlAsync(
                $"""
                delete from code_packages p
                where not exists (select from function_versions v where v.code_digest = p.digest)
                  and not exists (select from deployments d where d.code_digest = p.digest)
                """, cancellationToken);
        }
        catch (PostgresException taken) when (taken.SqlState is PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.DeadlockDetected)
        {
        }
    }
}
