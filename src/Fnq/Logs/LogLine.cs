using System.Buffers;
using System.Buffers.Text;

namespace Fnq.Logs;

/// <summary>Who wrote a line; kept beside it, so a function that prints START or REPORT deceives nobody.</summary>
internal enum LogSource : byte
{
    Platform = (byte)'P',
    Function = (byte)'F',

    /// <summary>The log store's own note that it had to drop lines.</summary>
    Store = (byte)'S',
}

/// <summary>A stored line: the source's letter, milliseconds since 1970, a blank, the text, a line feed.</summary>
internal static class LogLine
{
    public const int MaxOverheadBytes = 24;

    public static int Format(Span<byte> destination, LogSource source, long unixMilliseconds, ReadOnlySpan<byte> text)
    {
        destination[0] = (byte)source;
        Utf8Formatter.TryFormat(unixMilliseconds, destination[1..], out var digits);
        var position = 1 + digits;
        destination[position++] = (byte)' ';
        text.CopyTo(destination[position..]);
        position += text.Length;
        destination[position++] = (byte)'\n';
        return position;
    }

    public static bool TryParse(ReadOnlySpan<byte> line, out LogSource source, out long unixMilliseconds, out ReadOnlySpan<byte> text)
    {
        text = default;
        source = default;
        unixMilliseconds = 0;
        if (line.Length < 3 || line[0] is not ((byte)'P' or (byte)'F' or (byte)'S')
            || !Utf8Parser.TryParse(line[1..], out unixMilliseconds, out var digits)
            || line.Length <= 1 + digits || line[1 + digits] != (byte)' ')
        {
            return false;
        }

        source = (LogSource)line[0];
        text = line[(2 + digits)..];
        return true;
    }
}
