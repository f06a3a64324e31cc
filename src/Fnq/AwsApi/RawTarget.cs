using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.AwsApi;

/// <summary>The request target as it came, before any decoding: signatures and routes both work on it.</summary>
internal static class RawTarget
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string Of(HttpContext http) => http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    public static string PathOf(HttpContext http)
    {
        var target = Of(http);
        var query = target.IndexOf('?');
        return query < 0 ? target : target[..query];
    }

    /// <summary>Only the origin form, visible ASCII, and every percent sign followed by two hex digits.</summary>
    public static bool IsWellFormed(ReadOnlySpan<char> target)
    {
        if (target.IsEmpty || target[0] != '/' || target.ContainsAnyExceptInRange('!', '~'))
        {
            return false;
        }

        for (var at = target.IndexOf('%'); at >= 0;)
        {
            target = target[at..];
            if (target.Length < 3 || !char.IsAsciiHexDigit(target[1]) || !char.IsAsciiHexDigit(target[2]))
            {
                return false;
            }

            target = target[3..];
            at = target.IndexOf('%');
        }

        return true;
    }

    /// <summary>Percent-decodes once; a plus sign stays a plus sign. False for bad escapes, bad UTF-8 and NUL.</summary>
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
                if (i + 2 >= encoded.Length || !byte.TryParse(encoded.Slice(i + 1, 2), NumberStyles.AllowHexSpecifier, null, out value) || value == 0)
                {
                    return false;
                }

                i += 2;
            }

            into[length++] = value;
        }

        return true;
    }

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
