using System.Text;

namespace Fnq.Functions.Packages;

/// <summary>Turns the name of a zip entry into a path that cannot leave the folder it is unpacked to.</summary>
internal static class PackagePath
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private static readonly char[] AnySeparator = ['/', '\\'];

    /// <summary>Empty for an entry that names the root itself.</summary>
    public static string Check(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty || name.Length > PackageLimits.NameBytes)
        {
            throw PackageException.Unreadable("an entry's name is empty or too long");
        }

        var text = Decode(name);
        if (text.AsSpan().IndexOfAnyInRange('\0', '\u001f') >= 0 || text.Contains('\u007f'))
        {
            throw PackageException.Unreadable("an entry's name holds control characters");
        }

        if (text[0] is '/' or '\\' || (text.Length > 1 && text[1] == ':' && char.IsAsciiLetter(text[0])))
        {
            throw PackageException.Unreadable("an entry's name is absolute");
        }

        if (text.Split(AnySeparator).Any(IsParent))
        {
            throw PackageException.Unreadable("an entry's name climbs out of the package");
        }

        var segments = text.Split('/').Where(segment => segment is not ("" or ".")).ToArray();
        if (segments.Any(segment => Encoding.UTF8.GetByteCount(segment) > PackageLimits.SegmentBytes))
        {
            throw PackageException.Unreadable("a segment of an entry's name is too long");
        }

        return string.Join('/', segments);
    }

    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw PackageException.Unreadable("a name or link is not UTF-8");
        }
    }

    /// <summary>Also in percent-encoding: harmless on disk, but nobody means well by it.</summary>
    private static bool IsParent(string segment) =>
        segment == ".." || segment.Replace("%2e", ".", StringComparison.OrdinalIgnoreCase) == "..";
}
