using Fnq.AwsApi;
using Microsoft.AspNetCore.Http;

namespace Fnq.Triggers.Http;

/// <summary>
/// Whose URL a request is for: by its host name, <c>id.lambda-url.anything</c>, or, for clients that cannot choose one, by its path,
/// <c>/fnq/url/id/…</c>.
/// </summary>
/// <param name="Path">What follows, still encoded, with its leading slash.</param>
internal readonly record struct UrlAddress(string Id, string Path)
{
    private const int IdLength = 32;
    private const string HostMark = ".lambda-url.";
    private const string PathPrefix = "/fnq/url/";

    /// <summary>Null for a request of anything else.</summary>
    public static UrlAddress? Of(HttpContext http)
    {
        var host = http.Request.Host.Value ?? "";
        if (host.IndexOf(HostMark, StringComparison.OrdinalIgnoreCase) is > 0 and var at)
        {
            return new(host[..at].ToLowerInvariant(), RawTarget.PathOf(http));
        }

        var path = http.Request.Path.Value!.StartsWith(PathPrefix, StringComparison.Ordinal) ? RawTarget.PathOf(http) : "";
        if (!path.StartsWith(PathPrefix, StringComparison.Ordinal) || path.Length < PathPrefix.Length + IdLength)
        {
            return null;
        }

        var rest = path[(PathPrefix.Length + IdLength)..];
        return rest is "" or ['/', ..] ? new(path.Substring(PathPrefix.Length, IdLength), rest.Length == 0 ? "/" : rest) : null;
    }

    /// <summary>What could be one at all: nothing else is looked up.</summary>
    public bool IsId => Id.Length == IdLength && Id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c));
}
