using Fnq.Contracts;
using Fnq.Storage;
using Microsoft.EntityFrameworkCore;

namespace Fnq.Functions.EventConfigs;

/// <summary>
/// Event invoke configs as rows. Each write is one statement that does the same when it is run again, so that one whose
/// outcome is unknown can simply be retried.
/// </summary>
internal sealed class EventInvokeConfigStore(IDbContextFactory<FnqDbContext> contexts, TimeProvider time)
{
    /// <param name="key">The function.</param>
    /// <param name="qualifier"><c>$LATEST</c> or a version number.</param>
    /// <param name="cancellationToken">Of the caller.</param>
    /// <returns>Null when there is no such function or it has no config: AWS's defaults hold.</returns>
    public async Task<EventInvokeConfigRow?> FindAsync(FunctionKey key, string qualifier, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await Configs(context, key).AsNoTracking().FirstOrDefaultAsync(config => config.Qualifier == qualifier, cancellationToken);
    }

    /// <summary>All configs of a function in the order of their qualifiers, from behind <paramref name="after"/> on.</summary>
    public async Task<IReadOnlyList<EventInvokeConfigRow>> ListAsync(
        FunctionKey key, string? after, int count, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var configs = Configs(context, key).AsNoTracking();
        if (after is not null)
        {
            configs = configs.Where(config => config.Qualifier.CompareTo(after) > 0);
        }

        return await configs.OrderBy(config => config.Qualifier).Take(count).ToListAsync(cancellationToken);
    }

    /// <summary>
    /// Replaces. Locks function and version, in this order, against their delete: no config is left behind. Null when
    /// there is no such version.
    /// </summary>
    public async Task<EventInvokeConfigRow?> PutAsync(
        FunctionKey key, int number, EventInvokeConfigRequest wanted, CancellationToken cancellationToken)
    {
        var (onSuccess, onFailure) = DestinationsOf(wanted);
        var now = time.GetUtcNow();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var written = await context.Set<EventInvokeConfigRow>().FromSql(
            $"""
            insert into event_invoke_configs
              (function_id, qualifier, maximum_retry_attempts, maximum_event_age_seconds, on_success, on_failure, last_modified)
            select f.id, {VersionName.Of(number)}::text, {wanted.MaximumRetryAttempts}::integer, {wanted.MaximumEventAgeInSeconds}::integer,
              {onSuccess}::text, {onFailure}::text, {now}::timestamptz
            from functions f join function_versions v on v.function_id = f.id
            where f.account_id = {key.AccountId} and f.region = {key.Region} and f.name = {key.Name} and v.number = {number}
            for key share of f, v
            on conflict (function_id, qualifier) do update set
              maximum_retry_attempts = excluded.maximum_retry_attempts,
              maximum_event_age_seconds = excluded.maximum_event_age_seconds,
              on_success = excluded.on_success,
              on_failure = excluded.on_failure,
              last_modified = excluded.last_modified
            returning *
            """).AsNoTracking().ToListAsync(cancellationToken);
        return written.SingleOrDefault();
    }

    /// <summary>Changes what is given, DestinationConfig as a whole. Null when there is no config.</summary>
    public async Task<EventInvokeConfigRow?> MergeAsync(
        FunctionKey key, int number, EventInvokeConfigRequest wanted, CancellationToken cancellationToken)
    {
        var (onSuccess, onFailure) = DestinationsOf(wanted);
        var keeps = wanted.DestinationConfig is null;
        var now = time.GetUtcNow();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var written = await context.Set<EventInvokeConfigRow>().FromSql(
            $"""
            update event_invoke_configs c set
              maximum_retry_attempts = coalesce({wanted.MaximumRetryAttempts}::integer, c.maximum_retry_attempts),
              maximum_event_age_seconds = coalesce({wanted.MaximumEventAgeInSeconds}::integer, c.maximum_event_age_seconds),
              on_success = case when {keeps} then c.on_success else {onSuccess}::text end,
              on_failure = case when {keeps} then c.on_failure else {onFailure}::text end,
              last_modified = {now}::timestamptz
            from functions f
            where f.id = c.function_id and c.qualifier = {VersionName.Of(number)}
              and f.account_id = {key.AccountId} and f.region = {key.Region} and f.name = {key.Name}
            returning c.*
            """).AsNoTracking().ToListAsync(cancellationToken);
        return written.SingleOrDefault();
    }

    /// <summary>A config that is not there is as good as deleted.</summary>
    public async Task DeleteAsync(FunctionKey key, string qualifier, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await Configs(context, key).Where(config => config.Qualifier == qualifier).ExecuteDeleteAsync(cancellationToken);
    }

    private static (string? OnSuccess, string? OnFailure) DestinationsOf(EventInvokeConfigRequest wanted) =>
        (DestinationRequest.Of(wanted.DestinationConfig?.OnSuccess), DestinationRequest.Of(wanted.DestinationConfig?.OnFailure));

    private static IQueryable<EventInvokeConfigRow> Configs(FnqDbContext context, FunctionKey key) =>
        context.Set<EventInvokeConfigRow>().Where(config => context.Set<FunctionRow>().Any(function =>
            function.Id == config.FunctionId && function.AccountId == key.AccountId && function.Region == key.Region && function.Name == key.Name));
}
