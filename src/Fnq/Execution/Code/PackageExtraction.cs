using Fnq.Functions.Packages;

namespace Fnq.Execution.Code;

/// <summary>Unpacks a zip under a folder; what may be written where is decided by <see cref="PackageReader"/>.</summary>
internal static class PackageExtraction
{
    /// <summary>Readable by the function's user, whatever the worker's umask is, and written by nobody.</summary>
    public const UnixFileMode SealedFolder = UnixFileMode.UserRead | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>While it is filled or emptied.</summary>
    public const UnixFileMode OpenFolder = SealedFolder | UnixFileMode.UserWrite;

    private const int BlockBytes = 4_096;

    private static readonly EnumerationOptions Everything = new()
    {
        RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = false,
    };

    /// <summary>Files become 0444 or 0555 and folders below <paramref name="folder"/> 0555; that itself is left open to be moved.</summary>
    /// <returns>Bytes on the disk.</returns>
    public static long Extract(byte[] package, string folder)
    {
        var made = new List<string>();
        MakeFolder(folder, made);
        long bytes = BlockBytes;
        foreach (var entry in PackageReader.Read(package))
        {
            var path = Path.Join(folder, entry.Path);
            MakeFolder(entry.Kind == PackageEntryKind.Folder ? path : Path.GetDirectoryName(path)!, made);
            switch (entry.Kind)
            {
                case PackageEntryKind.File:
                    Write(entry, path);
                    bytes += OnDisk(entry.Size);
                    break;
                case PackageEntryKind.Link:
                    File.CreateSymbolicLink(path, entry.LinkTarget!);
                    bytes += BlockBytes;
                    break;
            }
        }

        foreach (var inner in made.Skip(1))
        {
            File.SetUnixFileMode(inner, SealedFolder);
        }

        return bytes + (BlockBytes * (made.Count - 1L));
    }

    /// <summary>What <see cref="Extract"/> has returned, where nobody remembers it.</summary>
    public static long Measure(string folder) => BlockBytes + new DirectoryInfo(folder).EnumerateFileSystemInfos("*", Everything)
        .Sum(entry => entry is FileInfo file ? OnDisk(file.Length) : BlockBytes);

    /// <summary>Also of folders that were sealed. Links are removed, not followed.</summary>
    public static void Delete(string folder)
    {
        File.SetUnixFileMode(folder, OpenFolder);
        foreach (var inner in Directory.EnumerateDirectories(folder, "*", Everything))
        {
            File.SetUnixFileMode(inner, OpenFolder);
        }

        Directory.Delete(folder, recursive: true);
    }

    private static void MakeFolder(string path, List<string> made)
    {
        if (!Directory.Exists(path))
        {
            MakeFolder(Path.GetDirectoryName(path)!, made);
            Directory.CreateDirectory(path);
            File.SetUnixFileMode(path, OpenFolder);
            made.Add(path);
        }
    }

    private static void Write(PackageEntry entry, string path)
    {
        using (var from = entry.Open())
        using (var to = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
        {
            from.CopyTo(to);
        }

        File.SetUnixFileMode(path, entry.Mode);
    }

    private static long OnDisk(long bytes) => Math.Max(1, (bytes + BlockBytes - 1) / BlockBytes) * BlockBytes;
}
