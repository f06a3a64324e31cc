using Fnq.Storage;
using Microsoft.EntityFrameworkCore;

namespace Fnq.Identity;

/// <summary>The rows of access_keys.</summary>
internal sealed class AccessKeyTable(IDbContextFactory<FnqDbContext> database)
{
    /// <summary>Null for an unknown or disabled key.</summary>
    public async Task<AccessKey?> FindAsync(string id, CancellationToken cancellationToken)
    {
        await using var context = await database.CreateDbContextAsync(cancellationToken);
        return await context.Set<AccessKey>().AsNoTracking()
            .SingleOrDefaultAsync(row => row.Id == id && row.Enabled, cancellationToken);
    }

    /// <summary>Stores the key, replacing one of the same id.</summary>
    public async Task SaveAsync(AccessKey key, CancellationToken cancellationToken)
    {
        await using var context = await database.CreateDbContextAsync(cancellationToken);
        await context.Database.ExecuteSqlAsync(
            $"""
             insert into access_keys (id, secret, account_id, arn, user_id, created_at, enabled)
             values ({key.Id}, {key.Secret}, {key.AccountId}, {key.Arn}, {key.UserId}, {key.CreatedAt}, {key.Enabled})
             on conflict (id) do update set secret = excluded.secret, account_id = excluded.account_id,
                 arn = excluded.arn, user_id = excluded.user_id, enabled = excluded.enabled
             """,
            cancellationToken);
    }
}
