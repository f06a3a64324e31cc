using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Fnq.Functions.Packages;

namespace Fnq.Tests.Functions;

internal sealed record ZipItem(string Name, byte[] Content)
{
    public byte[]? RawName { get; init; }
    public int Mode { get; init; } = 0x81A4;
    public bool Deflate { get; init; }
    public int Flags { get; init; } = 0x0800;
    public int? Method { get; init; }
    public uint? DeclaredSize { get; init; }
    public uint? Crc { get; init; }
    public string? LocalName { get; init; }
    public uint? Offset { get; init; }
    public byte[] Extra { get; init; } = [];
}

/// <summary>Writes zips byte for byte, the broken and hostile ones too, which no library would.</summary>
internal static class ZipBuilder
{
    public static byte[] Of(params ZipItem[] items) => Build(items);

    public static ZipItem File(string name, string content = "x") => new(name, Encoding.UTF8.GetBytes(content));

    public static ZipItem Link(string name, string target) => File(name, target) with { Mode = 0xA1FF };

    public static byte[] Build(ZipItem[] items, byte[]? prefix = null, byte[]? suffix = null, int? entryCount = null)
    {
        using var zip = new MemoryStream();
        zip.Write(prefix ?? []);
        var directory = new MemoryStream();
        foreach (var item in items)
        {
            var data = item.Deflate ? Deflate(item.Content) : item.Content;
            var at = item.Offset ?? (uint)zip.Position;
            var fields = Fields(item, data);
            var name = Encoding.UTF8.GetBytes(item.LocalName ?? item.Name);
            zip.Write([0x50, 0x4b, 3, 4, .. fields, .. U16(name.Length), .. U16(0), .. name, .. data]);
            var central = item.RawName ?? Encoding.UTF8.GetBytes(item.Name);
            directory.Write(
            [
                0x50, 0x4b, 1, 2, 20, 3, .. fields, .. U16(central.Length), .. U16(item.Extra.Length), .. U16(0), .. U16(0), .. U16(0),
                .. U32((uint)item.Mode << 16), .. U32(at), .. central, .. item.Extra,
            ]);
        }

        var start = (uint)zip.Position;
        zip.Write(directory.ToArray());
        var count = U16(entryCount ?? items.Length);
        zip.Write([0x50, 0x4b, 5, 6, 0, 0, 0, 0, .. count, .. count, .. U32((uint)directory.Length), .. U32(start), 0, 0]);
        zip.Write(suffix ?? []);
        return zip.ToArray();
    }

    private static byte[] Fields(ZipItem item, byte[] data)
    {
        var crc = item.Crc ?? Crc32.Finish(Crc32.Append(Crc32.Start, item.Content));
        return
        [
            20, 0, .. U16(item.Flags), .. U16(item.Method ?? (item.Deflate ? 8 : 0)), 0, 0, 0, 0,
            .. U32(crc), .. U32((uint)data.Length), .. U32(item.DeclaredSize ?? (uint)item.Content.Length),
        ];
    }

    private static byte[] Deflate(byte[] content)
    {
        var packed = new MemoryStream();
        using (var stream = new DeflateStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            stream.Write(content);
        }

        return packed.ToArray();
    }

    private static byte[] U16(int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
        return bytes;
    }

    private static byte[] U32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }
}
