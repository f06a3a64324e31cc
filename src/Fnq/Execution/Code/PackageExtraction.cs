using System.IO.Compression;
using System.Text;

namespace Fnq.Execution.Code;

/// <summary>Unpacks a zip under a folder. The API has checked packages before; this does not rely on it for where and how much it writes.</summary>
internal static class PackageExtraction
{
    internal const long UnzippedBytesMax = 250L << 20;
    internal const int EntriesMax = 100_000;
    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private const UnixFileMode FileMode0644 = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode AnyExecute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private const int TypeMask = 0xf000, TypeRegular = 0x8000, TypeFolder = 0x4000, TypeLink = 0xa000;

    internal static void Extract(byte[] package, string folder)
    {
        using var zip = new ZipArchive(new MemoryStream(package), ZipArchiveMode.Read, leaveOpen: false, Encoding.UTF8);
        if (zip.Entries.Count > EntriesMax)
        {
            throw new InvalidDataException($"A package has at most {EntriesMax} entries.");
        }
        var links = new List<ZipArchiveEntry>();
        var left = UnzippedBytesMax;
        foreach (var entry in zip.Entries)
        {
            var type = (entry.ExternalAttributes >> 16) & TypeMask;
            var path = Resolve(folder, entry.FullName);
            if (type == TypeLink)
            {
                links.Add(entry);
            }
            else if (type == TypeFolder || entry.FullName.EndsWith('/'))
            {
                MakeFolder(path);
            }
            else if (type is 0 or TypeRegular)
            {
                left -= Write(entry, path, left);
            }
            else
            {
                throw new InvalidDataException($"{entry.FullName} is neither a file, a folder nor a link.");
            }
        }
        // Last, so that nothing is ever written through one.
        foreach (var entry in links)
        {
            Link(entry, Resolve(folder, entry.FullName), folder);
        }
    }

    /// <summary>Readable by the function's user, whatever the worker's umask is.</summary>
    internal static void MakeFolder(string path)
    {
        if (!Directory.Exists(path))
        {
            MakeFolder(Path.GetDirectoryName(path)!);
            Directory.CreateDirectory(path);
            SetMode(path, FolderMode);
        }
    }

    private static void SetMode(string path, UnixFileMode mode)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException();
        }
        File.SetUnixFileMode(path, mode);
    }

    private static string Resolve(string folder, string name)
    {
        if (name.Length == 0 || name.StartsWith('/') || name.Contains('\0') || name.Contains('\\') || name.Split('/').Contains(".."))
        {
            throw new InvalidDataException($"The entry name {name} leads out of the package.");
        }
        return Path.GetFullPath(Path.Join(folder, name));
    }

    private static long Write(ZipArchiveEntry entry, string path, long left)
    {
        MakeFolder(Path.GetDirectoryName(path)!);
        // Layers replace what an earlier one brought, and never write through its links.
        File.Delete(path);
        var executable = ((UnixFileMode)(entry.ExternalAttributes >> 16) & AnyExecute) != 0;
        using var from = entry.Open();
        using var to = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        SetMode(path, executable ? FileMode0644 | AnyExecute : FileMode0644);
        var buffer = new byte[81_920];
        long written = 0;
        int count;
        while ((count = from.Read(buffer)) > 0)
        {
            written += count;
            if (written > left)
            {
                throw new InvalidDataException($"A package unzips to at most {UnzippedBytesMax} bytes.");
            }
            to.Write(buffer.AsSpan(0, count));
        }
        return written;
    }

    private static void Link(ZipArchiveEntry entry, string path, string folder)
    {
        using var reader = new StreamReader(entry.Open());
        var buffer = new char[1_025];
        var target = new string(buffer, 0, reader.ReadBlock(buffer));
        var parent = Path.GetDirectoryName(path)!;
        var resolved = Path.GetFullPath(Path.Join(parent, target));
        if (target.Length is 0 or > 1_024 || target.StartsWith('/') || !resolved.StartsWith(folder + "/", StringComparison.Ordinal))
        {
            throw new InvalidDataException($"The link {entry.FullName} leads out of the package.");
        }
        MakeFolder(parent);
        File.Delete(path);
        File.CreateSymbolicLink(path, target);
    }
}
