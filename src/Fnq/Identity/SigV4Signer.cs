using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Fnq.Identity;

/// <summary>
/// The client's side of SigV4, for our own verbs, benchmarks and tests. It shares no canonical form with the
/// verifier on purpose: each checks the other.
/// </summary>
internal sealed class SigV4Signer(string accessKeyId, string secretAccessKey, string region, string service, TimeProvider time)
{
    private static readonly SearchValues<char> Unreserved =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~");

    private (string Date, byte[] Key) _derived = ("", []);

    /// <summary>Adds X-Amz-Date and Authorization. The URI must be absolute; Host is its authority unless set.</summary>
    public void Sign(HttpRequestMessage request, ReadOnlySpan<byte> body)
    {
        var uri = request.RequestUri ?? throw new ArgumentException("The request has no URI", nameof(request));
        request.Headers.Host ??= uri.Authority;
        request.Headers.Remove("X-Amz-Date");
        request.Headers.TryAddWithoutValidation("X-Amz-Date", Now());
        var headers = request.Headers.NonValidated.Where(header => IsSigned(header.Key))
            .SelectMany(header => header.Value.Select(value => KeyValuePair.Create(header.Key, value)));
        var signed = Authorization(request.Method.Method, uri.PathAndQuery, headers, Convert.ToHexStringLower(SHA256.HashData(body)));
        request.Headers.Remove("Authorization");
        request.Headers.TryAddWithoutValidation("Authorization", signed);
    }

    /// <summary>The Authorization header of a request; X-Amz-Date has to be among the headers, all of which are signed.</summary>
    public string Authorization(string method, string target, IEnumerable<KeyValuePair<string, string>> headers, string payloadHash)
    {
        var lines = Lines(headers);
        var names = string.Join(';', lines.Keys);
        var date = lines["x-amz-date"];
        var signature = Signature(CanonicalRequest(method, target, lines, names, payloadHash), date);
        return $"AWS4-HMAC-SHA256 Credential={accessKeyId}/{Scope(date)}, SignedHeaders={names}, Signature={signature}";
    }

    /// <summary>The target with the X-Amz parameters of the presigned form; only Host is signed beside it.</summary>
    public string Presign(string method, string target, string host, TimeSpan expires)
    {
        var date = Now();
        var credential = Encode($"{accessKeyId}/{Scope(date)}");
        var unsigned = $"{target}{(target.Contains('?') ? '&' : '?')}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}"
            + $"&X-Amz-Date={date}&X-Amz-Expires={expires.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)}&X-Amz-SignedHeaders=host";
        var lines = Lines([KeyValuePair.Create("host", host)]);
        var payload = service == "s3" ? "UNSIGNED-PAYLOAD" : Convert.ToHexStringLower(SHA256.HashData([]));
        return $"{unsigned}&X-Amz-Signature={Signature(CanonicalRequest(method, unsigned, lines, "host", payload), date)}";
    }

    private string CanonicalRequest(
        string method, string target, SortedDictionary<string, string> lines, string names, string payloadHash)
    {
        var parts = target.Split('?', 2);
        var headers = string.Concat(lines.Select(line => $"{line.Key}:{line.Value}\n"));
        return $"{method}\n{Path(parts[0])}\n{Query(parts.Length > 1 ? parts[1] : "")}\n{headers}\n{names}\n{payloadHash}";
    }

    private string Signature(string canonicalRequest, string date)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonicalRequest)));
        var text = $"AWS4-HMAC-SHA256\n{date}\n{Scope(date)}\n{hash}";
        var derived = _derived;
        if (derived.Date != date[..8])
        {
            _derived = derived = (date[..8], CredentialScope.Derive(secretAccessKey, date[..8], region, service));
        }

        return Convert.ToHexStringLower(HMACSHA256.HashData(derived.Key, Encoding.UTF8.GetBytes(text)));
    }

    private string Scope(string date) => $"{date[..8]}/{region}/{service}/{CredentialScope.Terminator}";

    private string Now() => time.GetUtcNow().ToString(SignatureClaim.TimeFormat);

    private static bool IsSigned(string name) =>
        name.Equals("Host", StringComparison.OrdinalIgnoreCase) || name.StartsWith("X-Amz-", StringComparison.OrdinalIgnoreCase);

    private static SortedDictionary<string, string> Lines(IEnumerable<KeyValuePair<string, string>> headers)
    {
        var lines = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in headers)
        {
            var trimmed = string.Join(' ', value.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries));
            var key = name.ToLowerInvariant();
            lines[key] = lines.TryGetValue(key, out var earlier) ? $"{earlier},{trimmed}" : trimmed;
        }

        return lines;
    }

    private string Path(string path)
    {
        if (service == "s3")
        {
            return path;
        }

        var kept = new List<string>();
        foreach (var segment in path.Split('/').Where(segment => segment is not ("" or ".")))
        {
            if (segment != "..")
            {
                kept.Add(Encode(segment));
            }
            else if (kept.Count > 0)
            {
                kept.RemoveAt(kept.Count - 1);
            }
        }

        return kept.Count == 0 ? "/" : $"/{string.Join('/', kept)}{(path[^1] == '/' ? "/" : "")}";
    }

    private static string Query(string query) => string.Join('&', query.Split('&', StringSplitOptions.RemoveEmptyEntries)
        .Select(pair => pair.Split('=', 2))
        .Select(pair => (Name: Recode(pair[0]), Value: Recode(pair.Length > 1 ? pair[1] : "")))
        .OrderBy(pair => pair.Name, StringComparer.Ordinal).ThenBy(pair => pair.Value, StringComparer.Ordinal)
        .Select(pair => $"{pair.Name}={pair.Value}"));

    private static string Recode(string part) => Encode(Uri.UnescapeDataString(part.Replace('+', ' ')));

    private static string Encode(string text) => !text.AsSpan().ContainsAnyExcept(Unreserved) ? text : string.Concat(
        Encoding.UTF8.GetBytes(text).Select(value => Unreserved.Contains((char)value) ? $"{(char)value}" : $"%{value:X2}"));
}
