using System.Buffers.Binary;

namespace Fnq.Functions.Packages;

/// <summary>One record of the central directory, with its data located and checked against its local header.</summary>
internal readonly record struct ZipRecord(
    ReadOnlyMemory<byte> Name, int UnixMode, bool Deflated, uint Crc, long Size, long Start, long End, ReadOnlyMemory<byte> Data);

/// <summary>
/// Reads a zip by its central directory and refuses every archive that two readers could understand differently:
/// bytes before the first entry, two ends, gaps around the directory, entries that overlap, headers that disagree.
/// </summary>
internal static class ZipDirectory
{
    private const uint CentralSignature = 0x02014b50;
    private const uint LocalSignature = 0x04034b50;
    private const int CentralSize = 46;
    private const int LocalSize = 30;

    /// <summary>Encrypted, strongly encrypted, patched, masked headers.</summary>
    private const int RefusedFlags = 0x0001 | 0x0040 | 0x0020 | 0x2000;

    public static List<ZipRecord> Read(ReadOnlyMemory<byte> zip)
    {
        var end = ZipEnd.Find(zip.Span);
        if (end.Entries == 0)
        {
            throw new PackageException(PackageFault.Empty, "no entries");
        }

        var records = new List<ZipRecord>((int)end.Entries);
        var at = end.DirectoryStart;
        for (long i = 0; i < end.Entries; i++)
        {
            records.Add(ReadRecord(zip, ref at, end));
        }

        Require(at == end.DirectoryEnd, "the directory's length is a lie");
        RequireDisjoint(records);
        return records;
    }

    private static ZipRecord ReadRecord(ReadOnlyMemory<byte> zip, ref long at, ZipEnd end)
    {
        Require(at + CentralSize <= end.DirectoryEnd, "the directory is truncated");
        var header = zip.Span.Slice((int)at, CentralSize);
        Require(U32(header) == CentralSignature, "not a directory record");
        int flags = U16(header[8..]), method = U16(header[10..]);
        int nameLength = U16(header[28..]), extraLength = U16(header[30..]), commentLength = U16(header[32..]);
        var next = at + CentralSize + nameLength + extraLength + commentLength;
        Require(next <= end.DirectoryEnd, "a directory record is truncated");
        Require((flags & RefusedFlags) == 0, "encrypted");
        Require(method is 0 or 8, "unknown compression method");
        Require(U16(header[34..]) == 0, "split over disks");
        var name = zip.Slice((int)at + CentralSize, nameLength);
        var extra = zip.Span.Slice((int)at + CentralSize + nameLength, extraLength);
        var sizes = ZipSizes.Read(U32(header[24..]), U32(header[20..]), U32(header[42..]), extra);
        var madeOnUnix = header[5] is 3 or 19;
        var mode = madeOnUnix ? (int)(U32(header[38..]) >> 16) : 0;
        at = next;
        var crc = U32(header[16..]);
        var start = Locate(zip.Span, sizes, name.Span, flags, method, crc, end);
        Require(method != 0 || sizes.Compressed == sizes.Real, "a stored entry's sizes differ");
        return new(name, mode, method == 8, crc, sizes.Real, sizes.Offset, start + sizes.Compressed,
            zip.Slice((int)start, (int)sizes.Compressed));
    }

    private static long Locate(
        ReadOnlySpan<byte> zip, ZipSizes sizes, ReadOnlySpan<byte> name, int flags, int method, uint crc, ZipEnd end)
    {
        Require(sizes.Offset >= 0 && sizes.Offset + LocalSize <= end.DirectoryStart, "an entry lies outside");
        var local = zip[(int)sizes.Offset..];
        Require(U32(local) == LocalSignature, "an entry has no local header");
        int nameLength = U16(local[26..]), extraLength = U16(local[28..]);
        var start = sizes.Offset + LocalSize + nameLength + extraLength;
        Require(sizes.Compressed >= 0 && start + sizes.Compressed <= end.DirectoryStart, "an entry's data lies outside");
        Require(local.Slice(LocalSize, nameLength).SequenceEqual(name), "an entry has two names");
        Require(U16(local[8..]) == method && ((U16(local[6..]) ^ flags) & RefusedFlags) == 0, "two headers disagree");
        var sizesFollow = (flags & 0x0008) != 0;
        if (!sizesFollow)
        {
            uint compressed = U32(local[18..]), real = U32(local[22..]);
            Require(U32(local[14..]) == crc, "two checksums");
            Require(compressed == uint.MaxValue || compressed == sizes.Compressed, "two compressed sizes");
            Require(real == uint.MaxValue || real == sizes.Real, "two sizes");
        }

        return start;
    }

    /// <summary>Overlapping entries make small files of huge bombs.</summary>
    private static void RequireDisjoint(List<ZipRecord> records)
    {
        var byStart = records.Select(record => (record.Start, record.End)).Order().ToArray();
        Require(byStart[0].Start == 0, "bytes before the first entry");
        for (var i = 1; i < byStart.Length; i++)
        {
            Require(byStart[i].Start >= byStart[i - 1].End, "entries overlap");
        }
    }

    internal static ushort U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    internal static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    internal static ulong U64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes);

    internal static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw PackageException.Unreadable(otherwise);
        }
    }
}
