using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fnq.AwsApi;

/// <summary>The request target as it came, before any decoding: signatures and routes both work on it.</summary>
internal static class RawTarget
{
    public static string Of(HttpContext http) => http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    public static string PathOf(HttpContext http)
    {
        var target = Of(http);
        var query = target.IndexOf('?');
        return query < 0 ? target : target[..query];
    }

    /// <summary>Only the origin form, visible ASCII, and every percent sign followed by two hex digits that are not NUL.</summary>
    public static bool IsWellFormed(ReadOnlySpan<char> target)
    {
        if (target.IsEmpty || target[0] != '/' || target.ContainsAnyExceptInRange('!', '~'))
        {
            return false;
        }

        for (var at = target.IndexOf('%'); at >= 0; at = target.IndexOf('%'))
        {
            target = target[at..];
            if (target.Length < 3 || !char.IsAsciiHexDigit(target[1]) || !char.IsAsciiHexDigit(target[2]) || target[1..3] is "00")
            {
                return false;
            }

            target = target[3..];
        }

        return true;
    }
}
