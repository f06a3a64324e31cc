using Fnq.Storage;
using Microsoft.EntityFrameworkCore;

namespace Fnq.Functions.EventSources;

/// <summary>
/// Event source mappings as rows. Each write does the same when it is run again, so that one whose outcome is unknown can
/// simply be retried.
/// </summary>
internal sealed class EventSourceStore(IDbContextFactory<FnqDbContext> contexts)
{
    public async Task<EventSourceRow?> FindAsync(string account, string region, Guid id, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await Of(context, account, region).FirstOrDefaultAsync(row => row.Id == id, cancellationToken);
    }

    /// <summary>In the order of their ids, from behind <paramref name="after"/> on.</summary>
    public async Task<IReadOnlyList<EventSourceRow>> ListAsync(EventSourceQuery query, Guid? after, int count, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var rows = Of(context, query.AccountId, query.Region);
        if (query.SourceArn is { } source)
        {
            rows = rows.Where(row => row.SourceArn == source);
        }

        if (query.Function is { } function)
        {
            rows = rows.Where(row => row.FunctionName == function.Function.Name && row.Qualifier == function.Qualifier);
        }

        if (after is { } last)
        {
            rows = rows.Where(row => row.Id > last);
        }

        return await rows.OrderBy(row => row.Id).Take(count).ToListAsync(cancellationToken);
    }

    /// <returns>Null when it is stored; else the one that is in its way.</returns>
    public async Task<EventSourceRow?> AddAsync(EventSourceRow row, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Database.ExecuteSqlAsync(
            $"""
            insert into event_source_mappings
              (id, account_id, region, function_name, qualifier, source_arn, shape, queue, source_access, batch_size, window_seconds,
               maximum_concurrency, filters, response_types, enabled, revision, last_modified)
            values ({row.Id}, {row.AccountId}, {row.Region}, {row.FunctionName}, {row.Qualifier}, {row.SourceArn}, {(int)row.Shape}, {row.Queue},
              {row.SourceAccess}, {row.BatchSize}, {row.WindowSeconds}, {row.MaximumConcurrency}, {row.Filters}, {row.ResponseTypes}, {row.Enabled},
              {row.Revision}, {row.LastModified})
            on conflict do nothing
            """,
            cancellationToken);
        var stored = await Of(context, row.AccountId, row.Region).FirstOrDefaultAsync(
            each => each.SourceArn == row.SourceArn && each.Queue == row.Queue && each.FunctionName == row.FunctionName && each.Qualifier == row.Qualifier,
            cancellationToken);
        return stored?.Id == row.Id ? null : stored;
    }

    /// <summary>Takes the place of the revision before it.</summary>
    /// <returns>False when that is no longer the latest, or another mapping is the same.</returns>
    public async Task<bool> ReplaceAsync(EventSourceRow row, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var before = row.Revision - 1;
        return await context.Database.ExecuteSqlAsync(
            $"""
            update event_source_mappings set
              function_name = {row.FunctionName}, qualifier = {row.Qualifier}, source_access = {row.SourceAccess}, batch_size = {row.BatchSize},
              window_seconds = {row.WindowSeconds}, maximum_concurrency = {row.MaximumConcurrency}, filters = {row.Filters},
              response_types = {row.ResponseTypes}, enabled = {row.Enabled}, revision = {row.Revision}, last_modified = {row.LastModified}
            where id = {row.Id} and revision = {before} and not exists (
              select 1 from event_source_mappings o where o.id <> {row.Id} and o.account_id = {row.AccountId} and o.region = {row.Region}
                and o.source_arn = {row.SourceArn} and o.queue = {row.Queue} and o.function_name = {row.FunctionName}
                and o.qualifier is not distinct from {row.Qualifier}::text)
            """,
            cancellationToken) == 1;
    }

    /// <summary>The one that is the same but for its id; null when there is none.</summary>
    public async Task<EventSourceRow?> FindSameAsync(EventSourceRow row, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await Of(context, row.AccountId, row.Region).FirstOrDefaultAsync(
            each => each.Id != row.Id && each.SourceArn == row.SourceArn && each.Queue == row.Queue && each.FunctionName == row.FunctionName
                && each.Qualifier == row.Qualifier,
            cancellationToken);
    }

    /// <summary>One that is not there is as good as deleted.</summary>
    public async Task DeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Set<EventSourceRow>().Where(row => row.Id == id).ExecuteDeleteAsync(cancellationToken);
    }

    private static IQueryable<EventSourceRow> Of(FnqDbContext context, string account, string region) =>
        context.Set<EventSourceRow>().AsNoTracking().Where(row => row.AccountId == account && row.Region == region);
}

/// <summary>Which mappings a listing has; null is any.</summary>
internal sealed record EventSourceQuery(string AccountId, string Region, string? SourceArn, FunctionReference? Function);
