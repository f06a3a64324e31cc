using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.EntityFrameworkCore.Storage;

namespace Fnq.Identity;

/// <summary>Access keys by id, with a short memory: a warm request reads no database, a revoked key dies within <see cref="Memory"/>.</summary>
/// <param name="load">Reads one enabled key from where keys are kept; null when there is none.</param>
internal sealed partial class AccessKeyStore(
    Func<string, CancellationToken, Task<AccessKey?>> load, TimeProvider time, ILogger<AccessKeyStore> logger)
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
            key = await load(id, cancellationToken);
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
