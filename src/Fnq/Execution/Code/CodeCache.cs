using Fnq.Execution.Sandboxes;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Code;

/// <summary>
/// Extracted packages by digest, shared by all workers of a host. A folder is whole or absent: it is filled under a
/// draft name and renamed, so a kill in the middle leaves only a draft for <see cref="RemoveDeadDrafts"/>.
/// </summary>
internal sealed class CodeCache
{
    private readonly string _folder;

    public CodeCache(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(Path.Join(folder, "drafts"));
    }

    /// <summary>The folder of a package; <paramref name="load"/> is asked for the bytes only when it is not there yet.</summary>
    public async ValueTask<string> GetAsync(string digest, Func<CancellationToken, Task<byte[]>> load, CancellationToken cancellationToken)
    {
        var target = Path.Join(_folder, NameOf(digest));
        if (Directory.Exists(target))
        {
            return target;
        }

        var draft = Path.Join(_folder, "drafts", $"{NameOf(digest)}.{Guid.NewGuid():N}");
        using var mine = Lock(draft);
        try
        {
            PackageExtraction.MakeFolder(draft);
            PackageExtraction.Extract(await load(cancellationToken), draft);
            Publish(draft, target);
        }
        finally
        {
            Discard(draft);
        }

        return target;
    }

    /// <summary>Removes what extractions that were killed have left.</summary>
    public void RemoveDeadDrafts()
    {
        foreach (var draft in Directory.EnumerateDirectories(Path.Join(_folder, "drafts")))
        {
            using var dead = TryLock(draft);
            if (dead is not null)
            {
                Discard(draft);
            }
        }
    }

    private static void Publish(string draft, string target)
    {
        try
        {
            Directory.Move(draft, target);
        }
        catch (IOException) when (Directory.Exists(target))
        {
            // A peer was faster with the same content.
        }
    }

    private static void Discard(string draft)
    {
        if (Directory.Exists(draft))
        {
            Directory.Delete(draft, recursive: true);
        }
        File.Delete(draft + ".lock");
    }

    private static SafeFileHandle Lock(string draft) =>
        TryLock(draft) ?? throw new IOException($"Draft {draft} is locked by somebody else.");

    private static SafeFileHandle? TryLock(string draft)
    {
        var handle = Native.OpenHandle(draft + ".lock", Native.OpenReadWrite | Native.OpenCreate);
        if (Native.Flock((int)handle.DangerousGetHandle(), Native.LockExclusive | Native.LockNonBlocking) == 0)
        {
            return handle;
        }
        handle.Dispose();
        return null;
    }

    /// <summary>Digests come as hex or base64: only what is safe in a file name is kept.</summary>
    private static string NameOf(string digest) => digest.Replace('/', '_').Replace('+', '-').TrimEnd('=') is { Length: > 0 } name && name[0] != '.'
        ? name
        : throw new ArgumentException("A digest is needed.", nameof(digest));
}
