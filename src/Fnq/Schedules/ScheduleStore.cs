using Fnq.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Fnq.Schedules;

/// <summary>Rules and schedules as rows.</summary>
internal sealed class ScheduleStore(IDbContextFactory<FnqDbContext> contexts)
{
    private const int ChangeTries = 5;

    /// <summary>With its targets. Null when there is none.</summary>
    public async Task<ScheduleRow?> FindAsync(ScheduleKey key, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await Of(context, key).Include(row => row.Targets).AsNoTracking().FirstOrDefaultAsync(cancellationToken);
    }

    /// <summary>In the order of their names, from behind a name on.</summary>
    public async Task<List<ScheduleRow>> ListAsync(ScheduleKey prefix, string? after, bool? isEnabled, int count, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var rows = InRegion(context, prefix).Where(row => row.Name.StartsWith(prefix.Name));
        rows = after is null ? rows : rows.Where(row => row.Name.CompareTo(after) > 0);
        rows = isEnabled is null ? rows : rows.Where(row => row.IsEnabled == isEnabled);
        return await rows.Include(row => row.Targets).AsNoTracking().OrderBy(row => row.Name).Take(count).ToListAsync(cancellationToken);
    }

    /// <summary>In all regions.</summary>
    public async Task<int> CountAsync(string kind, string account, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Set<ScheduleRow>().CountAsync(row => row.Kind == kind && row.AccountId == account, cancellationToken);
    }

    /// <summary>False when the name is taken by another.</summary>
    public async Task<bool> AddAsync(ScheduleRow row, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        context.Add(row);
        try
        {
            await context.SaveChangesAsync(cancellationToken);
            return true;
        }
        catch (DbUpdateException taken) when (taken.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            // A commit whose answer was lost is tried again, and then meets itself.
            return (await FindAsync(row.Key, cancellationToken))?.Id == row.Id;
        }
    }

    /// <summary>Null when there is none.</summary>
    /// <param name="key">Which.</param>
    /// <param name="change">Made again, on what is there then, when another change came between.</param>
    /// <param name="cancellationToken">Of the caller.</param>
    public async Task<ScheduleRow?> ChangeAsync(ScheduleKey key, Action<ScheduleRow> change, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            await using var context = await contexts.CreateDbContextAsync(cancellationToken);
            if (await Of(context, key).Include(row => row.Targets).FirstOrDefaultAsync(cancellationToken) is not { } found)
            {
                return null;
            }

            change(found);
            try
            {
                await context.SaveChangesAsync(cancellationToken);
                return found;
            }
            catch (DbUpdateException) when (tries < ChangeTries)
            {
                // Another has deleted the row or added the same target.
            }
        }
    }

    /// <summary>False when there was none. Due times that were claimed are published all the same.</summary>
    public async Task<bool> DeleteAsync(ScheduleKey key, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await Of(context, key).ExecuteDeleteAsync(cancellationToken) > 0;
    }

    /// <summary>One that has no due time left and wants to be gone then.</summary>
    public async Task DeleteCompletedAsync(Guid id, Guid revision, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Set<ScheduleRow>().Where(row => row.Id == id && row.Revision == revision && row.DeletesItself).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>Without targets, of all accounts.</summary>
    public async Task<List<ScheduleRow>> ChangedSinceAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Set<ScheduleRow>().AsNoTracking().Where(row => row.ModifiedAt >= since).ToListAsync(cancellationToken);
    }

    private static IQueryable<ScheduleRow> Of(FnqDbContext context, ScheduleKey key) => InRegion(context, key).Where(row => row.Name == key.Name);

    private static IQueryable<ScheduleRow> InRegion(FnqDbContext context, ScheduleKey key) => context.Set<ScheduleRow>().Where(row =>
        row.AccountId == key.AccountId && row.Region == key.Region && row.Kind == key.Kind);
}
