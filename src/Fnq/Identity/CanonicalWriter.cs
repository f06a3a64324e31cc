using System.Buffers;
using System.Text;

namespace Fnq.Identity;

/// <summary>Bytes of a canonical request, on the stack while they fit there.</summary>
internal ref struct CanonicalWriter(Span<byte> initial)
{
    private static readonly SearchValues<char> Unreserved =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~");

    private static readonly SearchValues<char> UnreservedOrSlash =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/");

    private Span<byte> _buffer = initial;
    private byte[]? _rented;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Written => _buffer[..Length];

    public void Append(byte value) => Grow(1)[0] = value;

    public void Append(scoped ReadOnlySpan<byte> bytes) => bytes.CopyTo(Grow(bytes.Length));

    public void Append(scoped ReadOnlySpan<char> text)
    {
        var room = Grow(Encoding.UTF8.GetMaxByteCount(text.Length));
        var written = Encoding.UTF8.GetBytes(text, room);
        Length -= room.Length - written;
    }

    public void AppendHex(scoped ReadOnlySpan<byte> bytes) =>
        Convert.TryToHexStringLower(bytes, Grow(bytes.Length * 2), out _);

    /// <summary>What came, encoded once more: percent signs too. Slashes stay.</summary>
    public void AppendPath(scoped ReadOnlySpan<char> path) => AppendEncoded(path, UnreservedOrSlash);

    /// <summary>A part of the query, brought to the one spelling: decoded, then encoded. A plus sign is a space.</summary>
    public void AppendQueryPart(scoped ReadOnlySpan<char> part)
    {
        while (!part.IsEmpty)
        {
            var plain = part.IndexOfAnyExcept(Unreserved);
            Append(plain < 0 ? part : part[..plain]);
            if (plain < 0)
            {
                return;
            }

            part = part[plain..];
            if (part[0] == '%' && part.Length > 2 && PercentCoding.TryHex(part[1..3], out var value))
            {
                if (Unreserved.Contains((char)value))
                {
                    Append(value);
                }
                else
                {
                    AppendEscape(value);
                }

                part = part[3..];
            }
            else if (part[0] == '+')
            {
                AppendEscape((byte)' ');
                part = part[1..];
            }
            else
            {
                part = part[AppendEscapedRune(part)..];
            }
        }
    }

    public readonly void Dispose()
    {
        if (_rented is not null)
        {
            ArrayPool<byte>.Shared.Return(_rented);
        }
    }

    private void AppendEncoded(scoped ReadOnlySpan<char> text, SearchValues<char> plainCharacters)
    {
        while (!text.IsEmpty)
        {
            var plain = text.IndexOfAnyExcept(plainCharacters);
            Append(plain < 0 ? text : text[..plain]);
            if (plain < 0)
            {
                return;
            }

            text = text[plain..];
            text = text[AppendEscapedRune(text)..];
        }
    }

    private int AppendEscapedRune(scoped ReadOnlySpan<char> text)
    {
        Rune.DecodeFromUtf16(text, out var rune, out var used);
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var value in utf8[..rune.EncodeToUtf8(utf8)])
        {
            AppendEscape(value);
        }

        return used;
    }

    private void AppendEscape(byte value)
    {
        var room = Grow(3);
        room[0] = (byte)'%';
        room[1] = "0123456789ABCDEF"u8[value >> 4];
        room[2] = "0123456789ABCDEF"u8[value & 15];
    }

    private Span<byte> Grow(int count)
    {
        if (count > _buffer.Length - Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, Length + count));
            Written.CopyTo(larger);
            Dispose();
            _buffer = _rented = larger;
        }

        var room = _buffer.Slice(Length, count);
        Length += count;
        return room;
    }
}
