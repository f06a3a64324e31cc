using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Fnq.AwsApi;

namespace Fnq.Functions;

/// <summary>Proves that an event is JSON; it is then passed on byte for byte.</summary>
internal static class InvokePayload
{
    private const int MaxDepth = 1_000;
    private const string Expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    private static readonly ReadOnlyMemory<byte> EmptyObject = "{}"u8.ToArray();

    public static ReadOnlyMemory<byte> Check(ReadOnlyMemory<byte> body)
    {
        if (body.IsEmpty)
        {
            return EmptyObject;
        }

        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            while (reader.Read())
            {
            }
        }
        catch (JsonException bad)
        {
            throw Refused(Describe(body.Span, bad));
        }

        return Utf8.IsValid(body.Span) ? body : throw Refused("Invalid UTF-8" + Place(1, 1));
    }

    private static AwsException Refused(string why) =>
        new(400, "InvalidRequestContentException", $"Could not parse request body into json: Could not parse payload into json: {why}", MessageMember.Lower);

    /// <summary>In the words of the parser behind AWS.</summary>
    private static string Describe(ReadOnlySpan<byte> body, JsonException bad)
    {
        long line = bad.LineNumber ?? 0, column = bad.BytePositionInLine ?? 0;
        var at = OffsetOf(body, line) + (int)column;
        if (at >= body.Length)
        {
            return "Unexpected end-of-input" + Place(line + 1, column + 1);
        }

        var token = TokenAt(body, ref at);
        var place = Place(line + 1, at - OffsetOf(body, line) + 1);
        return token.Length > 0
            ? $"Unrecognized token '{token}': was expecting {Expected}{place}"
            : $"Unexpected character ({Character(body[at])}): expected a valid value {Expected}{place}";
    }

    private static string TokenAt(ReadOnlySpan<byte> body, ref int at)
    {
        var start = at;
        while (start > 0 && IsWord(body[start - 1]))
        {
            start--;
        }

        var end = start;
        while (end < body.Length && end - start < 64 && IsWord(body[end]))
        {
            end++;
        }

        if (end == start || char.IsAsciiDigit((char)body[start]))
        {
            return "";
        }

        at = start;
        return Encoding.ASCII.GetString(body[start..end]);
    }

    private static bool IsWord(byte value) => char.IsAsciiLetterOrDigit((char)value) || value is (byte)'_' or (byte)'$';

    private static int OffsetOf(ReadOnlySpan<byte> body, long line)
    {
        var offset = 0;
        for (; line > 0; line--)
        {
            offset += body[offset..].IndexOf((byte)'\n') + 1;
        }

        return offset;
    }

    private static string Character(byte value) => value is < 0x20 or >= 0x7f
        ? $"(CTRL-CHAR, code {value})"
        : string.Create(CultureInfo.InvariantCulture, $"'{(char)value}' (code {value})");

    private static string Place(long line, long column) =>
        $"\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]";
}
