using System.Collections.Concurrent;
using Fnq.Contracts;
using Fnq.Functions.Policies;

namespace Fnq.Functions.Urls;

/// <summary>What a call of a URL needs to know of it.</summary>
/// <param name="IsOpen">Anybody may call it: it asks for no signature, and the function's policy lets everybody.</param>
internal sealed record KnownUrl(FunctionKey Function, bool AsksForSignature, bool IsOpen, CorsSpec? Cors);

/// <summary>URLs by id, in memory for a moment: nobody announces their changes, nor those of policies.</summary>
internal sealed class FunctionUrlCatalog(FunctionUrlStore store, TimeProvider time)
{
    private const int Capacity = 10_000;
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Null when nobody has this id.</summary>
    public async ValueTask<KnownUrl?> FindAsync(string id)
    {
        if (_entries.TryGetValue(id, out var entry) && time.GetElapsedTime(entry.ReadAt) < Freshness)
        {
            return await entry.Url;
        }

        if (_entries.Count >= Capacity)
        {
            _entries.Clear();
        }

        // One read for all who ask meanwhile.
        var fresh = new Entry(time.GetTimestamp(), new Lazy<Task<KnownUrl?>>(() => ReadAsync(id)));
        if (entry is null ? !_entries.TryAdd(id, fresh) : !_entries.TryUpdate(id, fresh, entry))
        {
            return await FindAsync(id);
        }

        try
        {
            return await fresh.Url;
        }
        catch
        {
            _entries.TryRemove(new(id, fresh));
            throw;
        }
    }

    private async Task<KnownUrl?> ReadAsync(string id) => await store.FindTargetAsync(id, CancellationToken.None) is { } found
        ? new KnownUrl(
            found.Function, found.Url.AuthType == "AWS_IAM", found.Url.AuthType == "NONE" && found.Statements.Any(PolicyStatement.AllowsPublicUrl), found.Url.Cors)
        : null;

    private sealed record Entry(long ReadAt, Lazy<Task<KnownUrl?>> Load)
    {
        public Task<KnownUrl?> Url => Load.Value;
    }
}
