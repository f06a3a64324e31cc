namespace Fnq.Functions.Packages;

/// <summary>
/// The only way from zip bytes to files: the API checks an upload with it, the worker extracts with it.
/// Everything that concerns names, kinds, links and declared sizes is decided before the first byte is inflated.
/// </summary>
internal static class PackageReader
{
    private const int KindMask = 0xF000;
    private const int FolderKind = 0x4000;
    private const int FileKind = 0x8000;
    private const int LinkKind = 0xA000;
    private const int AnyExecute = 0x49;

    private const UnixFileMode ReadMode = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode ExecuteMode = ReadMode | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Checked entries, parents before children. Throws <see cref="PackageException"/>.</summary>
    public static IReadOnlyList<PackageEntry> Read(ReadOnlyMemory<byte> zip)
    {
        if (zip.IsEmpty)
        {
            throw new PackageException(PackageFault.Empty, "no bytes");
        }

        var entries = new List<PackageEntry>();
        long declared = 0;
        foreach (var record in ZipDirectory.Read(zip))
        {
            declared += record.Size;
            if (declared > PackageLimits.UnzippedBytes)
            {
                throw new PackageException(PackageFault.TooLarge, "declares too much");
            }

            if (ToEntry(record) is { } entry)
            {
                entries.Add(entry);
            }
        }

        entries.Sort(static (a, b) => string.CompareOrdinal(SortKey(a.Path), SortKey(b.Path)));
        RequireTree(entries);
        RequireFewFolders(entries);
        PackageTwins.Refuse(entries.Select(entry => entry.Path));
        ReadLinks(entries);
        return entries;
    }

    /// <summary>Inflates everything once, so that what is stored is known to unpack.</summary>
    public static void Verify(ReadOnlyMemory<byte> zip)
    {
        var buffer = new byte[81_920];
        foreach (var entry in Read(zip))
        {
            using var content = entry.Open();
            while (content.Read(buffer) > 0)
            {
            }
        }
    }

    private static PackageEntry? ToEntry(ZipRecord record)
    {
        var name = record.Name.Span;
        var path = PackagePath.Check(name);
        var isFolderName = name[^1] == '/';
        var kind = (record.UnixMode & KindMask) switch
        {
            0 or FileKind when !isFolderName => PackageEntryKind.File,
            0 or FolderKind when isFolderName => PackageEntryKind.Folder,
            LinkKind when !isFolderName => PackageEntryKind.Link,
            _ => throw PackageException.Unreadable($"'{path}' is neither file, folder nor link"),
        };
        if (kind == PackageEntryKind.Folder && record.Size != 0)
        {
            throw PackageException.Unreadable($"folder '{path}' has content");
        }

        if (path.Length == 0)
        {
            return kind == PackageEntryKind.Folder ? null : throw PackageException.Unreadable("a file without a name");
        }

        var executes = kind == PackageEntryKind.Folder || (record.UnixMode & AnyExecute) != 0;
        return new PackageEntry(
            path, kind, executes ? ExecuteMode : ReadMode, record.Size, record.Crc, record.Deflated, record.Data);
    }

    /// <summary>A separator that sorts below every other character keeps a folder's content right behind it.</summary>
    private static string SortKey(string path) => path.Replace('/', '\u0001');

    private static void RequireTree(List<PackageEntry> entries)
    {
        for (var i = 1; i < entries.Count; i++)
        {
            PackageEntry before = entries[i - 1], entry = entries[i];
            if (before.Path == entry.Path)
            {
                throw PackageException.Unreadable($"'{entry.Path}' is there twice");
            }

            if (before.Kind != PackageEntryKind.Folder && entry.Path.StartsWith(before.Path + '/', StringComparison.Ordinal))
            {
                throw PackageException.Unreadable($"'{entry.Path}' lies below what is no folder");
            }
        }
    }

    /// <summary>In this order an entry's folders are new beyond what it has in common with the one before.</summary>
    private static void RequireFewFolders(List<PackageEntry> entries)
    {
        var folders = 0;
        var before = "";
        foreach (var path in entries.Select(entry => entry.Path))
        {
            var common = before.AsSpan().CommonPrefixLength(path);
            var start = path.AsSpan(0, common).LastIndexOf('/') + 1;
            folders += path.AsSpan(start).Count('/');
            if (folders > PackageLimits.Folders)
            {
                throw PackageException.Unreadable("too many folders");
            }

            before = path;
        }
    }

    private static void ReadLinks(List<PackageEntry> entries)
    {
        var targets = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var link in entries.Where(entry => entry.Kind == PackageEntryKind.Link))
        {
            if (link.Size is 0 or > PackageLimits.LinkTargetBytes)
            {
                throw PackageException.Unreadable($"link '{link.Path}' has no sensible target");
            }

            using var content = link.Open();
            using var bytes = new MemoryStream();
            content.CopyTo(bytes);
            link.LinkTarget = PackagePath.Decode(bytes.ToArray());
            targets[link.Path] = link.LinkTarget;
        }

        PackageLinks.Check(targets);
    }
}
