using System.IO.Compression;

namespace Fnq.Functions.Packages;

internal enum PackageEntryKind
{
    File,
    Folder,
    Link,
}

/// <summary>
/// One entry whose path has been proven to lie inside the package: relative, <c>/</c> between segments,
/// no <c>..</c>, and no parent that is a file or a link.
/// </summary>
internal sealed class PackageEntry
{
    private readonly ReadOnlyMemory<byte> _compressed;
    private readonly bool _deflated;
    private readonly uint _crc;

    internal PackageEntry(string path, PackageEntryKind kind, UnixFileMode mode, long size, uint crc, bool deflated, ReadOnlyMemory<byte> compressed)
    {
        Path = path;
        Kind = kind;
        Mode = mode;
        Size = size;
        _crc = crc;
        _deflated = deflated;
        _compressed = compressed;
    }

    public string Path { get; }
    public PackageEntryKind Kind { get; }

    /// <summary>0444 or, where any execute bit was set, 0555; folders 0555.</summary>
    public UnixFileMode Mode { get; }

    /// <summary>As declared; <see cref="Open"/> holds the entry to it.</summary>
    public long Size { get; }

    /// <summary>Of a link: relative, and proven to resolve inside the package.</summary>
    public string? LinkTarget { get; internal set; }

    /// <summary>The real bytes. Reading throws <see cref="PackageException"/> where size or checksum were lies.</summary>
    public Stream Open()
    {
        Stream raw = new MemorySliceStream(_compressed);
        return new CheckedStream(_deflated ? new DeflateStream(raw, CompressionMode.Decompress) : raw, Size, _crc, Path);
    }
}
