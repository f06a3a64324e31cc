using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Fnq.Identity;

/// <summary>The signed headers of a request, in canonical form.</summary>
internal static class CanonicalHeaders
{
    /// <summary>Writes one line for each signed header. Refuses lists that are not sorted and unique or that leave out what must be signed.</summary>
    public static SignatureRefusal? Append(ref CanonicalWriter writer, IHeaderDictionary headers, SignatureClaim claim)
    {
        var present = ArrayPool<KeyValuePair<string, StringValues>>.Shared.Rent(Math.Max(headers.Count, 1));
        try
        {
            var count = 0;
            var amz = 0;
            foreach (var header in headers)
            {
                if (count == present.Length)
                {
                    return SignatureRefusal.Mismatch;
                }

                present[count++] = header;
                amz += IsAmz(header.Key) ? 1 : 0;
            }

            return Append(ref writer, present.AsSpan(0, count), claim, amz);
        }
        finally
        {
            ArrayPool<KeyValuePair<string, StringValues>>.Shared.Return(present, clearArray: true);
        }
    }

    private static SignatureRefusal? Append(
        ref CanonicalWriter writer, ReadOnlySpan<KeyValuePair<string, StringValues>> present, SignatureClaim claim, int amzPresent)
    {
        var names = claim.SignedHeaders.Span;
        var hasHost = false;
        var hasDate = false;
        var amzSigned = 0;
        ReadOnlySpan<char> previous = "";
        foreach (var range in names.Split(';'))
        {
            var name = names[range];
            if (name.SequenceCompareTo(previous) <= 0 || name.ContainsAnyInRange('A', 'Z'))
            {
                return SignatureRefusal.Invalid("SignedHeaders must be lower-case, sorted and without duplicates.");
            }

            if (!TryFind(present, name, out var values))
            {
                return SignatureRefusal.Invalid("A header named in SignedHeaders is not in the request.");
            }

            AppendLine(ref writer, name, values);
            hasHost |= name is "host";
            hasDate |= name is "date";
            amzSigned += IsAmz(name) ? 1 : 0;
            previous = name;
        }

        if (!hasHost)
        {
            return SignatureRefusal.Invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
        }

        if (amzSigned != amzPresent)
        {
            return SignatureRefusal.Invalid("Every 'X-Amz-' header of the request must be a 'SignedHeader' in the AWS Authorization.");
        }

        return claim.IsDateHeaderUsed && !hasDate
            ? SignatureRefusal.Invalid("'Date' must be a 'SignedHeader' in the AWS Authorization.")
            : null;
    }

    private static bool IsAmz(ReadOnlySpan<char> name) => name.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase);

    private static bool TryFind(ReadOnlySpan<KeyValuePair<string, StringValues>> present, ReadOnlySpan<char> name, out StringValues values)
    {
        foreach (var header in present)
        {
            if (name.Equals(header.Key, StringComparison.OrdinalIgnoreCase))
            {
                values = header.Value;
                return true;
            }
        }

        values = default;
        return false;
    }

    private static void AppendLine(ref CanonicalWriter writer, ReadOnlySpan<char> name, StringValues values)
    {
        writer.Append(name);
        writer.Append((byte)':');
        for (var i = 0; i < values.Count; i++)
        {
            if (i > 0)
            {
                writer.Append((byte)',');
            }

            AppendTrimmed(ref writer, values[i]);
        }

        writer.Append((byte)'\n');
    }

    /// <summary>Without white space at the ends, runs of it inside become one space.</summary>
    private static void AppendTrimmed(ref CanonicalWriter writer, ReadOnlySpan<char> value)
    {
        value = value.Trim(" \t");
        while (true)
        {
            var gap = value.IndexOfAny(' ', '\t');
            writer.Append(gap < 0 ? value : value[..gap]);
            if (gap < 0)
            {
                return;
            }

            writer.Append((byte)' ');
            value = value[gap..].TrimStart(" \t");
        }
    }
}
