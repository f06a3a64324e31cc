namespace Fnq.Billing;

/// <summary>
/// A process's journal folder, claimed by a lock on the file beside it that the kernel frees when the process dies.
/// The lock comes before the folder and goes after it, so a folder without a held lock is always a dead process's.
/// </summary>
internal sealed class JournalFolder : IDisposable
{
    private const string SegmentPattern = "*.segment";

    // EWOULDBLOCK: what .NET puts into HResult when flock finds the lock held.
    private const int HeldByAnother = 11;

    private readonly FileStream _lock;

    private JournalFolder(string path, FileStream held) => (Path, _lock) = (path, held);

    public string Path { get; }

    public static JournalFolder Own(string root, string name)
    {
        Directory.CreateDirectory(root);
        var path = System.IO.Path.Combine(root, name);
        var held = TryLock(path) ?? throw new IOException($"The journal {path} is in use by another process or belongs to another user.");
        Directory.CreateDirectory(path);
        return new JournalFolder(path, held);
    }

    /// <summary>Claims the folders whose process is gone.</summary>
    public static IReadOnlyList<JournalFolder> Adopt(string root)
    {
        List<JournalFolder> adopted = [];
        if (!Directory.Exists(root))
        {
            return adopted;
        }

        foreach (var path in Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal))
        {
            if (TryLock(path) is not { } held)
            {
                continue;
            }

            var folder = new JournalFolder(path, held);
            if (Directory.Exists(path))
            {
                adopted.Add(folder);
            }
            else
            {
                // Another process adopted and finished it between our listing and our lock.
                folder.Delete();
            }
        }

        return adopted;
    }

    public string SegmentPath(long number) => System.IO.Path.Combine(Path, $"{number:D10}.segment");

    public IReadOnlyList<string> Segments() =>
        [.. Directory.EnumerateFiles(Path, SegmentPattern).Order(StringComparer.Ordinal)];

    public void Dispose() => _lock.Dispose();

    /// <summary>Removes the folder, then its lock, then lets go.</summary>
    public void Delete()
    {
        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }

        File.Delete(_lock.Name);
        Dispose();
    }

    private static FileStream? TryLock(string path)
    {
        try
        {
            // FileShare.None is flock(LOCK_EX | LOCK_NB) here; the descriptor is close-on-exec, so no sandbox inherits it.
            return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        // A folder of another user's is none of ours.
        catch (Exception failure) when (failure is UnauthorizedAccessException || failure.HResult == HeldByAnother)
        {
            return null;
        }
    }
}
