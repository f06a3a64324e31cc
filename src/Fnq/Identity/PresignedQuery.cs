namespace Fnq.Identity;

/// <summary>The X-Amz-* parameters of a presigned URL, decoded.</summary>
internal sealed class PresignedQuery
{
    public const string SignatureName = "X-Amz-Signature";

    private readonly Dictionary<string, string> _values = [];

    public string? Algorithm => _values.GetValueOrDefault("X-Amz-Algorithm");
    public string? Credential => _values.GetValueOrDefault("X-Amz-Credential");
    public string? Date => _values.GetValueOrDefault("X-Amz-Date");
    public string? Expires => _values.GetValueOrDefault("X-Amz-Expires");
    public string? SignedHeaders => _values.GetValueOrDefault("X-Amz-SignedHeaders");
    public string? Signature => _values.GetValueOrDefault(SignatureName);
    public string? SecurityToken => _values.GetValueOrDefault("X-Amz-Security-Token");

    /// <summary>Null when an X-Amz-* parameter is malformed or comes twice.</summary>
    public static PresignedQuery? Parse(ReadOnlyMemory<char> query)
    {
        var found = new PresignedQuery();
        var text = query.Span;
        foreach (var range in text.Split('&'))
        {
            var pair = text[range];
            var equals = pair.IndexOf('=');
            if (!PercentCoding.TryDecode(equals < 0 ? pair : pair[..equals], out var name))
            {
                return null;
            }

            if (name.StartsWith("X-Amz-", StringComparison.Ordinal)
                && (!PercentCoding.TryDecode(equals < 0 ? "" : pair[(equals + 1)..], out var value) || !found._values.TryAdd(name, value)))
            {
                return null;
            }
        }

        return found;
    }
}
