using static Fnq.Functions.Packages.ZipDirectory;

namespace Fnq.Functions.Packages;

/// <summary>The end record: where the central directory lies and how many records it has.</summary>
internal readonly record struct ZipEnd(long Entries, long DirectoryStart, long DirectoryEnd)
{
    private const uint EndSignature = 0x06054b50;
    private const uint Zip64EndSignature = 0x06064b50;
    private const uint LocatorSignature = 0x07064b50;
    private const int EndSize = 22;
    private const int LocatorSize = 20;
    private const int Zip64EndSize = 56;

    public static ZipEnd Find(ReadOnlySpan<byte> zip)
    {
        var at = FindOnly(zip);
        var end = zip[at..];
        Require(U16(end[4..]) == 0 && U16(end[6..]) == 0, "split over disks");
        long entries = U16(end[10..]), size = U32(end[12..]), start = U32(end[16..]), directoryEnd = at;
        Require(U16(end[8..]) == entries, "two entry counts");
        if (at >= LocatorSize && U32(zip[(at - LocatorSize)..]) == LocatorSignature)
        {
            var wide = ReadZip64(zip, at - LocatorSize, out directoryEnd);
            Require(entries == ushort.MaxValue || entries == wide.Entries, "zip64 entry count is a lie");
            Require(size == uint.MaxValue || size == wide.Size, "zip64 directory size is a lie");
            Require(start == uint.MaxValue || start == wide.Start, "zip64 directory offset is a lie");
            (entries, size, start) = wide;
        }

        Require(entries is >= 0 and <= PackageLimits.Entries, "too many entries");
        Require(start >= 0 && size >= 0 && start <= directoryEnd && start + size == directoryEnd, "the directory does not end where the end record begins");
        return new(entries, start, directoryEnd);
    }

    /// <summary>An end record is one whose comment reaches exactly to the last byte; two of those are one too many.</summary>
    private static int FindOnly(ReadOnlySpan<byte> zip)
    {
        var found = -1;
        var lowest = Math.Max(0, zip.Length - EndSize - ushort.MaxValue);
        for (var at = zip.Length - EndSize; at >= lowest; at--)
        {
            if (U32(zip[at..]) == EndSignature && at + EndSize + U16(zip[(at + 20)..]) == zip.Length)
            {
                Require(found < 0, "two end records");
                found = at;
            }
        }

        Require(found >= 0, "no end record");
        return found;
    }

    private static (long Entries, long Size, long Start) ReadZip64(ReadOnlySpan<byte> zip, int locatorAt, out long directoryEnd)
    {
        var locator = zip[locatorAt..];
        var at = U64(locator[8..]);
        Require(U32(locator[4..]) == 0 && U32(locator[16..]) <= 1, "split over disks");
        Require(at <= (ulong)locatorAt && locatorAt - (long)at >= Zip64EndSize, "zip64 end lies outside");
        var end = zip[(int)at..];
        Require(U32(end) == Zip64EndSignature && U64(end[4..]) + 12 == (ulong)locatorAt - at, "no zip64 end record");
        Require(U32(end[16..]) == 0 && U32(end[20..]) == 0 && U64(end[24..]) == U64(end[32..]), "split over disks");
        directoryEnd = (long)at;
        return ((long)U64(end[32..]), (long)U64(end[40..]), (long)U64(end[48..]));
    }
}

/// <summary>An entry's sizes and place; the zip64 extra field holds those that are all ones in the record itself.</summary>
internal readonly record struct ZipSizes(long Real, long Compressed, long Offset)
{
    private const int Zip64Tag = 0x0001;

    public static ZipSizes Read(uint real, uint compressed, uint offset, ReadOnlySpan<byte> extra)
    {
        var wide = Find(extra);
        return new(Take(real, ref wide), Take(compressed, ref wide), Take(offset, ref wide));
    }

    private static long Take(uint narrow, ref ReadOnlySpan<byte> wide)
    {
        if (narrow != uint.MaxValue)
        {
            return narrow;
        }

        Require(wide.Length >= 8, "a zip64 size is missing");
        var value = U64(wide);
        wide = wide[8..];
        Require(value <= int.MaxValue, "a zip64 size is a lie");
        return (long)value;
    }

    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> extra)
    {
        while (extra.Length >= 4)
        {
            int tag = U16(extra), length = U16(extra[2..]);
            Require(4 + length <= extra.Length, "an extra field is truncated");
            if (tag == Zip64Tag)
            {
                return extra.Slice(4, length);
            }

            extra = extra[(4 + length)..];
        }

        return default;
    }
}
