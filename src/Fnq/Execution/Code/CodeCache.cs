using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Fnq.Execution.Code;

/// <summary>
/// Extracted packages by digest, shared by all workers of a data folder. A folder is whole or absent: it is filled under
/// a draft name and renamed, so a kill in the middle leaves only a draft for <see cref="RemoveDeadDrafts"/>. Whoever uses
/// a package holds a shared lock on the file beside it (<see cref="CodeUse"/>); what nobody holds may be pruned.
/// </summary>
internal sealed class CodeCache
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private readonly string _drafts;
    private readonly string _packages;
    private readonly CodePruning _pruning;
    private readonly TimeProvider _time;

    /// <summary>Environments of one deployment share one open lock file.</summary>
    private readonly ConcurrentDictionary<string, Holding> _held = new();

    /// <param name="folder">Its packages are <c>folder/digest</c>, locked by <c>folder/digest.lock</c>.</param>
    /// <param name="maxBytes">Beyond this the packages that were used least recently go, as far as nobody uses them.</param>
    public CodeCache(string folder, long maxBytes, TimeProvider time)
    {
        _packages = folder;
        _drafts = Path.Join(folder, "drafts");
        _time = time;
        Directory.CreateDirectory(_drafts);
        _pruning = new CodePruning(folder, _drafts, maxBytes);
    }

    /// <summary>A package's folder, extracted if need be; it stays until the lease is disposed.</summary>
    /// <param name="digest">SHA-256 of the zip, lower-case hexadecimal.</param>
    /// <param name="load">Asked for the zip only when the folder is not there yet.</param>
    /// <exception cref="InvalidDataException">The bytes that were loaded are not those that the digest names.</exception>
    public async ValueTask<CodeLease> AcquireAsync(
        string digest, Func<CancellationToken, Task<byte[]>> load, CancellationToken cancellationToken)
    {
        if (digest.Length != 2 * SHA256.HashSizeInBytes || digest.AsSpan().ContainsAnyExcept(HexDigits))
        {
            throw new ArgumentException("A digest is 64 hexadecimal digits.", nameof(digest));
        }

        var holding = Hold(digest);
        try
        {
            await holding.Turn.WaitAsync(cancellationToken);
            try
            {
                holding.Use ??= await CodeUse.OpenAsync(Path.Join(_packages, digest), _time, cancellationToken);
                if (!Directory.Exists(holding.Use.Folder))
                {
                    await ExtractAsync(holding.Use, digest, load, cancellationToken);
                }
            }
            finally
            {
                holding.Turn.Release();
            }

            holding.Use.Touch(_time.GetUtcNow());
            return new CodeLease(holding.Use.Folder, () => Release(digest, holding));
        }
        catch
        {
            Release(digest, holding);
            throw;
        }
    }

    /// <summary>Removes what extractions and prunings that were killed have left.</summary>
    public void RemoveDeadDrafts() => CodeDraft.RemoveDead(_drafts);

    /// <summary>Brings the cache below its bound, as far as its packages are not in use.</summary>
    public void Prune() => _pruning.Run();

    private async Task ExtractAsync(CodeUse use, string digest, Func<CancellationToken, Task<byte[]>> load, CancellationToken cancellationToken)
    {
        var package = await load(cancellationToken);
        var real = Convert.ToHexStringLower(SHA256.HashData(package));
        if (real != digest)
        {
            throw new InvalidDataException($"The stored package {digest} has the digest {real}: it was changed or damaged, and is not unpacked.");
        }

        using (var draft = new CodeDraft(_drafts, digest))
        {
            use.Bytes = PackageExtraction.Extract(package, draft.Folder);
            draft.Publish(use.Folder);
        }

        _pruning.Run();
    }

    private Holding Hold(string digest)
    {
        while (true)
        {
            var holding = _held.GetOrAdd(digest, static _ => new Holding());
            lock (holding)
            {
                if (!holding.IsOver)
                {
                    holding.Count++;
                    return holding;
                }
            }
        }
    }

    private void Release(string digest, Holding holding)
    {
        lock (holding)
        {
            if (--holding.Count > 0)
            {
                return;
            }

            holding.IsOver = true;
            _held.TryRemove(new(digest, holding));
            holding.Use?.Dispose();
        }
    }

    private sealed class Holding
    {
        public SemaphoreSlim Turn { get; } = new(1, 1);
        public CodeUse? Use { get; set; }
        public int Count { get; set; }
        public bool IsOver { get; set; }
    }
}

/// <summary>The promise that a package's folder stays; given back once.</summary>
internal sealed class CodeLease(string folder, Action release) : IDisposable
{
    private Action? _release = release;

    public string Folder => folder;

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
