using System.Buffers;
using System.Globalization;
using System.Text;

namespace Fnq.Identity;

/// <summary>Percent-decoding as the AWS protocols mean it: once, as UTF-8, a plus sign stays a plus sign.</summary>
internal static class PercentCoding
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>False for bad escapes, bad UTF-8 and NUL.</summary>
    public static bool TryDecode(ReadOnlySpan<char> encoded, out string decoded)
    {
        decoded = "";
        if (encoded.IndexOf('%') < 0)
        {
            decoded = encoded.ToString();
            return true;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(encoded.Length);
        try
        {
            return TryDecode(encoded, buffer, out var length) && TryText(buffer.AsSpan(0, length), out decoded);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static bool TryDecode(ReadOnlySpan<char> encoded, Span<byte> into, out int length)
    {
        length = 0;
        for (var i = 0; i < encoded.Length; i++)
        {
            if (!char.IsAscii(encoded[i]))
            {
                return false;
            }

            var value = (byte)encoded[i];
            if (encoded[i] == '%')
            {
                if (i + 2 >= encoded.Length || !TryHex(encoded.Slice(i + 1, 2), out value) || value == 0)
                {
                    return false;
                }

                i += 2;
            }

            into[length++] = value;
        }

        return true;
    }

    public static bool TryHex(ReadOnlySpan<char> twoDigits, out byte value) =>
        byte.TryParse(twoDigits, NumberStyles.AllowHexSpecifier, null, out value);

    private static bool TryText(ReadOnlySpan<byte> utf8, out string text)
    {
        try
        {
            text = StrictUtf8.GetString(utf8);
            return true;
        }
        catch (DecoderFallbackException)
        {
            text = "";
            return false;
        }
    }
}
