namespace Fnq.Functions.Packages;

/// <summary>The checksum of zip entries (polynomial 0xEDB88320), four bytes a step.</summary>
internal static class Crc32
{
    public const uint Start = uint.MaxValue;

    private static readonly uint[][] Tables = MakeTables();

    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        uint[] t0 = Tables[0], t1 = Tables[1], t2 = Tables[2], t3 = Tables[3];
        var i = 0;
        for (; i + 4 <= bytes.Length; i += 4)
        {
            crc ^= bytes[i] | ((uint)bytes[i + 1] << 8) | ((uint)bytes[i + 2] << 16) | ((uint)bytes[i + 3] << 24);
            crc = t3[crc & 0xFF] ^ t2[(crc >> 8) & 0xFF] ^ t1[(crc >> 16) & 0xFF] ^ t0[crc >> 24];
        }

        for (; i < bytes.Length; i++)
        {
            crc = (crc >> 8) ^ t0[(crc ^ bytes[i]) & 0xFF];
        }

        return crc;
    }

    public static uint Finish(uint crc) => ~crc;

    private static uint[][] MakeTables()
    {
        uint[][] tables = [new uint[256], new uint[256], new uint[256], new uint[256]];
        for (uint n = 0; n < 256; n++)
        {
            var c = n;
            for (var bit = 0; bit < 8; bit++)
            {
                c = (c & 1) != 0 ? (c >> 1) ^ 0xEDB88320 : c >> 1;
            }

            tables[0][n] = c;
        }

        for (var table = 1; table < 4; table++)
        {
            for (var n = 0; n < 256; n++)
            {
                var previous = tables[table - 1][n];
                tables[table][n] = (previous >> 8) ^ tables[0][previous & 0xFF];
            }
        }

        return tables;
    }
}
