using System.Collections.Concurrent;
using System.Data.Common;
using Fnq.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Fnq.Identity;

/// <summary>Access keys by id, with a short memory: a warm request reads no database, a revoked key dies within <see cref="Memory"/>.</summary>
internal sealed partial class AccessKeyStore(
    IDbContextFactory<FnqDbContext> database, TimeProvider time, ILogger<AccessKeyStore> logger)
{
    public static readonly TimeSpan Memory = TimeSpan.FromSeconds(30);
    private const int MaxIdLength = 128;

    /// <summary>Guessed ids must not fill the memory: beyond this all is forgotten.</summary>
    private const int MaxRemembered = 10_000;

    private readonly ConcurrentDictionary<string, Remembered> _remembered = new();

    /// <summary>Null for an unknown or disabled key.</summary>
    public ValueTask<AccessKey?> FindAsync(string id, CancellationToken cancellationToken)
    {
        var known = _remembered.TryGetValue(id, out var entry);
        var now = time.GetUtcNow();
        if (known && now < entry!.Until)
        {
            return ValueTask.FromResult(entry.Key);
        }

        if (!IsId(id))
        {
            return ValueTask.FromResult<AccessKey?>(null);
        }

        // One request renews; the others go on with what is known.
        if (known && !_remembered.TryUpdate(id, entry! with { Until = now + Memory }, entry))
        {
            return ValueTask.FromResult(entry.Key);
        }

        return LoadAsync(id, entry, cancellationToken);
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
        _remembered.TryRemove(key.Id, out _);
    }

    /// <summary>What the table's check allows; anything else needs no look-up and goes into no log.</summary>
    public static bool IsId(ReadOnlySpan<char> id)
    {
        foreach (var c in id)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '_')
            {
                return false;
            }
        }

        return id.Length is >= 3 and <= MaxIdLength;
    }

    private async ValueTask<AccessKey?> LoadAsync(string id, Remembered? stale, CancellationToken cancellationToken)
    {
        AccessKey? key;
        try
        {
            await using var context = await database.CreateDbContextAsync(cancellationToken);
            key = await context.Set<AccessKey>().AsNoTracking()
                .SingleOrDefaultAsync(row => row.Id == id && row.Enabled, cancellationToken);
        }
        catch (Exception lost) when (stale?.Key is not null && lost is DbException or RetryLimitExceededException or TimeoutException)
        {
            // Nobody can revoke a key while the database is away: known callers go on.
            LogStale(logger, id, lost);
            return stale!.Key;
        }

        if (_remembered.Count >= MaxRemembered)
        {
            _remembered.Clear();
        }

        _remembered[id] = new Remembered(key, time.GetUtcNow() + Memory);
        return key;
    }

    private sealed record Remembered(AccessKey? Key, DateTimeOffset Until);
}
