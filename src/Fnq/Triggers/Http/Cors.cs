using Fnq.Functions.Urls;

namespace Fnq.Triggers.Http;

/// <summary>What a browser is told about pages of other origins, pure.</summary>
internal static class Cors
{
    /// <summary>Headers of an answer; none for an origin that is not allowed.</summary>
    public static IEnumerable<KeyValuePair<string, string>> OfAnswer(CorsSpec? cors, string? origin)
    {
        if (cors is null || OriginOf(cors, origin) is not { } allowed)
        {
            yield break;
        }

        yield return new("Access-Control-Allow-Origin", allowed);
        if (allowed != "*")
        {
            yield return new("Vary", "Origin");
        }

        if (cors.AllowCredentials == true)
        {
            yield return new("Access-Control-Allow-Credentials", "true");
        }

        if (cors.ExposeHeaders is { Count: > 0 } exposed)
        {
            yield return new("Access-Control-Expose-Headers", string.Join(',', exposed));
        }
    }

    /// <summary>Headers of the answer to a preflight.</summary>
    public static IEnumerable<KeyValuePair<string, string>> OfPreflight(CorsSpec cors, string? origin)
    {
        if (OriginOf(cors, origin) is null)
        {
            return [];
        }

        List<KeyValuePair<string, string>> headers = [.. OfAnswer(cors, origin)];
        Add(headers, "Access-Control-Allow-Methods", cors.AllowMethods);
        Add(headers, "Access-Control-Allow-Headers", cors.AllowHeaders);
        if (cors.MaxAge is { } seconds)
        {
            headers.Add(new("Access-Control-Max-Age", $"{seconds}"));
        }

        return headers;
    }

    /// <summary>With credentials a browser does not take a star for an answer.</summary>
    private static string? OriginOf(CorsSpec cors, string? origin) =>
        string.IsNullOrEmpty(origin) || cors.AllowOrigins is not { } origins ? null
        : origins.Contains("*") ? (cors.AllowCredentials == true ? origin : "*")
        : origins.Any(allowed => Matches(allowed, origin)) ? origin
        : null;

    /// <summary><c>https://*.example.com</c> is every name below it.</summary>
    private static bool Matches(string allowed, string origin)
    {
        var star = allowed.IndexOf('*');
        return star < 0
            ? allowed.Equals(origin, StringComparison.OrdinalIgnoreCase)
            : origin.Length >= allowed.Length
                && origin.StartsWith(allowed[..star], StringComparison.OrdinalIgnoreCase)
                && origin.EndsWith(allowed[(star + 1)..], StringComparison.OrdinalIgnoreCase);
    }

    private static void Add(List<KeyValuePair<string, string>> headers, string name, List<string>? values)
    {
        if (values is { Count: > 0 })
        {
            headers.Add(new(name, string.Join(',', values)));
        }
    }
}
