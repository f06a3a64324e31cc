using Fnq.Functions.Packages;

namespace Fnq.Execution.Code;

/// <summary>Unpacks a zip under a folder; what may be written where is decided by <see cref="PackageReader"/>.</summary>
internal static class PackageExtraction
{
    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    public static void Extract(byte[] package, string folder)
    {
        foreach (var entry in PackageReader.Read(package))
        {
            var path = Path.Join(folder, entry.Path);
            MakeFolder(entry.Kind == PackageEntryKind.Folder ? path : Path.GetDirectoryName(path)!);
            switch (entry.Kind)
            {
                case PackageEntryKind.File:
                    Write(entry, path);
                    break;
                case PackageEntryKind.Link:
                    File.CreateSymbolicLink(path, entry.LinkTarget!);
                    break;
            }
        }
    }

    /// <summary>Readable by the function's user, whatever the worker's umask is.</summary>
    public static void MakeFolder(string path)
    {
        if (!Directory.Exists(path))
        {
            MakeFolder(Path.GetDirectoryName(path)!);
            Directory.CreateDirectory(path);
            File.SetUnixFileMode(path, FolderMode);
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
}
