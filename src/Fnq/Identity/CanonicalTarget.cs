using System.Buffers;

namespace Fnq.Identity;

/// <summary>Path and query of the raw target as SigV4 sees them.</summary>
internal static class CanonicalTarget
{
    /// <summary>Dot segments and double slashes go, then every byte is encoded once more. S3 takes the path as it came.</summary>
    public static void AppendPath(ref CanonicalWriter writer, ReadOnlySpan<char> path, bool isS3)
    {
        if (isS3)
        {
            // Already encoded by the client, and every slash and dot counts.
            writer.Append(path);
        }
        else if (path.Contains("//", StringComparison.Ordinal) || path.Contains("/.", StringComparison.Ordinal))
        {
            AppendNormalized(ref writer, path);
        }
        else
        {
            writer.AppendPath(path);
        }
    }

    /// <summary>Sorted by encoded name, then by encoded value. The presigned form's own signature is left out.</summary>
    public static void AppendQuery(ref CanonicalWriter writer, ReadOnlySpan<char> query, bool isPresigned)
    {
        if (query.IsEmpty)
        {
            return;
        }

        var parts = ArrayPool<QueryPart>.Shared.Rent(query.Count('&') + 1);
        var encoded = new CanonicalWriter(stackalloc byte[1024]);
        var count = 0;
        foreach (var range in query.Split('&'))
        {
            var pair = query[range];
            if (pair.IsEmpty)
            {
                continue;
            }

            var equals = pair.IndexOf('=');
            var start = encoded.Length;
            encoded.AppendQueryPart(equals < 0 ? pair : pair[..equals]);
            var middle = encoded.Length;
            encoded.AppendQueryPart(equals < 0 ? "" : pair[(equals + 1)..]);
            if (!isPresigned || !encoded.Written[start..middle].SequenceEqual("X-Amz-Signature"u8))
            {
                parts[count++] = new QueryPart(start, middle, encoded.Length);
            }
        }

        var text = ArrayPool<byte>.Shared.Rent(encoded.Length);
        encoded.Written.CopyTo(text);
        parts.AsSpan(0, count).Sort(new QueryOrder(text));
        for (var i = 0; i < count; i++)
        {
            if (i > 0)
            {
                writer.Append((byte)'&');
            }

            writer.Append(parts[i].Name(text));
            writer.Append((byte)'=');
            writer.Append(parts[i].Value(text));
        }

        ArrayPool<byte>.Shared.Return(text);
        encoded.Dispose();
        ArrayPool<QueryPart>.Shared.Return(parts);
    }

    private static void AppendNormalized(ref CanonicalWriter writer, ReadOnlySpan<char> path)
    {
        var kept = ArrayPool<Range>.Shared.Rent(path.Count('/') + 1);
        var count = 0;
        foreach (var range in path.Split('/'))
        {
            switch (path[range])
            {
                case "" or ".":
                    break;
                case "..":
                    count = Math.Max(0, count - 1);
                    break;
                default:
                    kept[count++] = range;
                    break;
            }
        }

        for (var i = 0; i < count; i++)
        {
            writer.Append((byte)'/');
            writer.AppendPath(path[kept[i]]);
        }

        if (count == 0 || path[^1] == '/')
        {
            writer.Append((byte)'/');
        }

        ArrayPool<Range>.Shared.Return(kept);
    }

    private readonly record struct QueryPart(int Start, int Middle, int End)
    {
        public ReadOnlySpan<byte> Name(byte[] text) => text.AsSpan(Start, Middle - Start);
        public ReadOnlySpan<byte> Value(byte[] text) => text.AsSpan(Middle, End - Middle);
    }

    private readonly struct QueryOrder(byte[] text) : IComparer<QueryPart>
    {
        public int Compare(QueryPart x, QueryPart y) =>
            x.Name(text).SequenceCompareTo(y.Name(text)) is not 0 and var byName
                ? byName
                : x.Value(text).SequenceCompareTo(y.Value(text));
    }
}
