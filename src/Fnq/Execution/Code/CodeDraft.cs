using Fnq.Execution.Sandboxes;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Code;

/// <summary>A folder on its way into the cache or out of it; its lock tells whether its maker still lives.</summary>
internal sealed class CodeDraft : IDisposable
{
    private readonly SafeFileHandle _lock;

    public CodeDraft(string drafts, string digest)
    {
        Folder = Path.Join(drafts, $"{digest}.{Guid.NewGuid():N}");
        _lock = CodeUse.TryLock(Folder, Native.LockExclusive) ?? throw new IOException($"Draft {Folder} is locked by somebody else.");
    }

    public string Folder { get; }

    /// <summary>Whole or not at all. A peer may have been faster with the same content.</summary>
    public void Publish(string target)
    {
        try
        {
            Directory.Move(Folder, target);
        }
        catch (IOException) when (Directory.Exists(target))
        {
            return;
        }

        // Only now: a folder that its owner may not write cannot be renamed by others than root.
        File.SetUnixFileMode(target, PackageExtraction.SealedFolder);
    }

    /// <summary>Takes a package out of the cache in one step; what it holds is deleted with the draft.</summary>
    public void TakeOver(string package)
    {
        File.SetUnixFileMode(package, PackageExtraction.OpenFolder);
        Directory.Move(package, Folder);
    }

    public void Dispose()
    {
        Remove(Folder);
        _lock.Dispose();
    }

    public static void RemoveDead(string drafts)
    {
        // The lock is made before the folder and removed after it.
        foreach (var path in Directory.EnumerateFiles(drafts, "*" + CodeUse.Suffix))
        {
            var draft = path[..^CodeUse.Suffix.Length];
            using var dead = CodeUse.TryLock(draft, Native.LockExclusive);
            if (dead is not null)
            {
                Remove(draft);
            }
        }
    }

    private static void Remove(string draft)
    {
        if (Directory.Exists(draft))
        {
            PackageExtraction.Delete(draft);
        }

        File.Delete(draft + CodeUse.Suffix);
    }
}
