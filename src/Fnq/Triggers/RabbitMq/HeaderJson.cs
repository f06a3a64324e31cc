using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;

namespace Fnq.Triggers.RabbitMq;

/// <summary>Header values as JSON, in the form of Amazon MQ: a text is a list of its bytes.</summary>
internal static class HeaderJson
{
    /// <summary>What is nested deeper is null.</summary>
    private const int DepthMax = 16;

    public static void WriteTable(Utf8JsonWriter json, IEnumerable<HeaderEntry> entries, int depth = DepthMax)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        json.WriteStartObject();
        foreach (var entry in entries)
        {
            if (names.Add(entry.Name))
            {
                json.WritePropertyName(entry.Name);
                Write(json, entry.Value, depth - 1);
            }
        }

        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, HeaderValue value, int depth = DepthMax)
    {
        var bytes = value.Bytes.Span;
        switch (value.Type)
        {
            case 'S':
                WriteText(json, bytes);
                break;
            case 'x':
                json.WriteBase64StringValue(bytes);
                break;
            case 't':
                json.WriteBooleanValue(bytes[0] != 0);
                break;
            case 'f':
                WriteFloating(json, BinaryPrimitives.ReadSingleBigEndian(bytes));
                break;
            case 'd':
                WriteFloating(json, BinaryPrimitives.ReadDoubleBigEndian(bytes));
                break;
            case 'D':
                WriteDecimal(json, bytes);
                break;
            case 'T':
                json.WriteStringValue(Date(BinaryPrimitives.ReadUInt64BigEndian(bytes)));
                break;
            case 'F' when depth > 0:
                WriteTable(json, HeaderTable.Read(value.Bytes), depth);
                break;
            case 'A' when depth > 0:
                json.WriteStartArray();
                HeaderTable.ReadList(value.Bytes).ForEach(each => Write(json, each, depth - 1));
                json.WriteEndArray();
                break;
            default:
                WriteWhole(json, value.Whole);
                break;
        }
    }

    /// <summary>As Amazon MQ shows dates: <c>Jan 1, 1970, 12:33:41 AM</c>.</summary>
    public static string Date(ulong unixSeconds)
    {
        const ulong latest = 253_402_300_799;
        return DateTimeOffset.FromUnixTimeSeconds((long)Math.Min(unixSeconds, latest)).ToString("MMM d, yyyy, h:mm:ss tt", CultureInfo.InvariantCulture);
    }

    private static void WriteText(Utf8JsonWriter json, ReadOnlySpan<byte> text)
    {
        json.WriteStartObject();
        json.WriteStartArray("bytes");
        foreach (var octet in text)
        {
            json.WriteNumberValue(octet);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteFloating(Utf8JsonWriter json, double number)
    {
        if (double.IsFinite(number))
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>A scale and a number: 2 and 150 is 1.50. JSON's own exponent holds any scale.</summary>
    private static void WriteDecimal(Utf8JsonWriter json, ReadOnlySpan<byte> bytes) =>
        json.WriteRawValue(string.Create(CultureInfo.InvariantCulture, $"{BinaryPrimitives.ReadInt32BigEndian(bytes[1..])}e-{bytes[0]}"));

    private static void WriteWhole(Utf8JsonWriter json, long? number)
    {
        if (number is { } whole)
        {
            json.WriteNumberValue(whole);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}
