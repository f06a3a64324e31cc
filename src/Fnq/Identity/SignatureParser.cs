using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Fnq.Identity;

/// <summary>Finds the signature of a request, in the header form or the presigned form. Refusals carry AWS's words.</summary>
internal sealed class SignatureParser(ProvenScopes proven)
{
    private const string Algorithm = "AWS4-HMAC-SHA256";
    private static readonly TimeSpan MaxExpires = TimeSpan.FromDays(7);

    /// <returns>The refusal, or null and the claim.</returns>
    public SignatureRefusal? Parse(string rawTarget, IHeaderDictionary headers, out SignatureClaim? claim)
    {
        claim = null;
        var authorization = headers.Authorization;
        var query = rawTarget.IndexOf('?') is >= 0 and var at ? rawTarget.AsMemory(at + 1) : default;
        var isPresigned = query.Span.Contains("X-Amz-Signature", StringComparison.Ordinal)
            || query.Span.Contains("X-Amz-Algorithm", StringComparison.Ordinal);
        if (authorization.Count == 0)
        {
            return isPresigned ? ParsePresigned(query, out claim) : SignatureRefusal.Missing;
        }

        return authorization.Count > 1 || isPresigned
            ? SignatureRefusal.Incomplete("Only one authorization mechanism allowed: one Authorization header or the query string.")
            : ParseHeader(authorization[0] ?? "", headers, out claim);
    }

    private SignatureRefusal? ParseHeader(string authorization, IHeaderDictionary headers, out SignatureClaim? claim)
    {
        claim = null;
        var rest = authorization.AsMemory().Trim();
        if (rest.IsEmpty)
        {
            return SignatureRefusal.Missing;
        }

        if (!rest.Span.StartsWith(Algorithm, StringComparison.Ordinal) || rest.Length == Algorithm.Length || rest.Span[Algorithm.Length] != ' ')
        {
            return SignatureRefusal.Incomplete($"Unsupported AWS 'algorithm' in the Authorization header: it must be '{Algorithm}'.");
        }

        var parts = default(Parts);
        for (rest = rest[Algorithm.Length..]; !rest.IsEmpty;)
        {
            var comma = rest.Span.IndexOf(',');
            var pair = (comma < 0 ? rest : rest[..comma]).Trim();
            rest = comma < 0 ? default : rest[(comma + 1)..];
            var equals = pair.Span.IndexOf('=');
            if (equals < 0 || !parts.TrySet(pair.Span[..equals], pair[(equals + 1)..]))
            {
                return SignatureRefusal.Incomplete("Invalid key=value pair in Authorization header: Credential, SignedHeaders and Signature, once each.");
            }
        }

        if (parts.Absent("Authorization header requires '{0}' parameter.") is { } absent)
        {
            return absent;
        }

        parts.Token = headers["X-Amz-Security-Token"] switch { [] => null, [var token] => token, _ => "" };
        parts.IsDateHeaderUsed = headers["X-Amz-Date"].Count == 0;
        return ParseTime(headers, out var time, out var timeText) ?? Claim(parts, time, timeText, null, out claim);
    }

    private SignatureRefusal? ParsePresigned(ReadOnlyMemory<char> query, out SignatureClaim? claim)
    {
        claim = null;
        if (PresignedQuery.Parse(query) is not { } found)
        {
            return SignatureRefusal.Incomplete("AWS query-string parameters must be well-formed and appear once each.");
        }

        if (found.Algorithm != Algorithm)
        {
            return SignatureRefusal.Incomplete($"X-Amz-Algorithm only supports \"{Algorithm}\"");
        }

        var parts = default(Parts);
        parts.Credential = found.Credential.AsMemory();
        parts.SignedHeaders = found.SignedHeaders.AsMemory();
        parts.Signature = found.Signature.AsMemory();
        if (parts.Absent("AWS query-string parameters must include 'X-Amz-{0}'.") is { } absent)
        {
            return absent;
        }

        if (!TryTime(found.Date, out var time))
        {
            return BadTime();
        }

        if (!int.TryParse(found.Expires, NumberStyles.None, null, out var seconds) || seconds < 1 || seconds > MaxExpires.TotalSeconds)
        {
            return SignatureRefusal.Incomplete("X-Amz-Expires must be a number of seconds between 1 and 604800");
        }

        parts.Token = found.SecurityToken;
        return Claim(parts, time, found.Date!, TimeSpan.FromSeconds(seconds), out claim);
    }

    private SignatureRefusal? Claim(
        in Parts parts, DateTimeOffset time, string timeText, TimeSpan? expires, out SignatureClaim? claim)
    {
        claim = null;
        var scope = proven.Find(parts.Credential.Span);
        var isProven = scope is not null;
        if (scope is null && ParseScope(parts.Credential.Span, out scope) is { } refusal)
        {
            return refusal;
        }

        if (!timeText.StartsWith(scope!.Date, StringComparison.Ordinal))
        {
            return SignatureRefusal.Invalid(
                $"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope.Date}' != '{timeText[..8]}', from '{timeText}'.");
        }

        claim = new SignatureClaim
        {
            Scope = scope,
            IsScopeProven = isProven,
            SignedHeaders = parts.SignedHeaders,
            Signature = parts.Signature,
            Time = time,
            TimeText = timeText,
            Expires = expires,
            Token = parts.Token,
            IsDateHeaderUsed = parts.IsDateHeaderUsed,
        };
        return null;
    }

    private static SignatureRefusal? ParseScope(ReadOnlySpan<char> credential, out CredentialScope? scope)
    {
        scope = null;
        Span<Range> ranges = stackalloc Range[6];
        if (credential.Split(ranges, '/') != 5)
        {
            return SignatureRefusal.Incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.");
        }

        if (!credential[ranges[4]].SequenceEqual(CredentialScope.Terminator))
        {
            return SignatureRefusal.Invalid($"Credential should be scoped with a valid terminator: '{CredentialScope.Terminator}'.");
        }

        var date = credential[ranges[1]];
        if (date.Length != 8 || date.ContainsAnyExceptInRange('0', '9'))
        {
            return SignatureRefusal.Invalid("Credential should be scoped to a date of the form YYYYMMDD.");
        }

        if (!IsName(credential[ranges[2]]))
        {
            return SignatureRefusal.Invalid("Credential should be scoped to a valid region.");
        }

        if (!IsName(credential[ranges[3]]))
        {
            return SignatureRefusal.Invalid("Credential should be scoped to a correct service.");
        }

        if (!AccessKeyStore.IsId(credential[ranges[0]]))
        {
            return SignatureRefusal.UnknownKey;
        }

        scope = new CredentialScope(
            credential[ranges[0]].ToString(), date.ToString(), credential[ranges[2]].ToString(), credential[ranges[3]].ToString());
        return null;
    }

    /// <summary>A region or a service: it becomes part of ARNs, keys and log lines.</summary>
    private static bool IsName(ReadOnlySpan<char> name)
    {
        foreach (var c in name)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-')
            {
                return false;
            }
        }

        return name.Length is >= 1 and <= 64;
    }

    private static SignatureRefusal? ParseTime(IHeaderDictionary headers, out DateTimeOffset time, out string timeText)
    {
        var amz = headers["X-Amz-Date"];
        timeText = amz.Count == 1 ? amz[0] ?? "" : "";
        time = default;
        if (amz.Count > 0)
        {
            return TryTime(timeText, out time) ? null : BadTime();
        }

        if (headers.Date.Count == 0)
        {
            return SignatureRefusal.Incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
        }

        if (!TryTime(headers.Date.ToString(), out time)
            && !DateTimeOffset.TryParseExact(headers.Date.ToString(), "r", null, DateTimeStyles.AssumeUniversal, out time))
        {
            return BadTime();
        }

        timeText = time.ToString(SignatureClaim.TimeFormat);
        return null;
    }

    private static bool TryTime(string? text, out DateTimeOffset time) =>
        DateTimeOffset.TryParseExact(text, SignatureClaim.TimeFormat, null, DateTimeStyles.AssumeUniversal, out time);

    private static SignatureRefusal BadTime() =>
        SignatureRefusal.Incomplete("Date must be in ISO-8601 'basic format', for example 20150830T123600Z.");

    private struct Parts
    {
        public ReadOnlyMemory<char> Credential;
        public ReadOnlyMemory<char> SignedHeaders;
        public ReadOnlyMemory<char> Signature;
        public string? Token;
        public bool IsDateHeaderUsed;

        public bool TrySet(ReadOnlySpan<char> name, ReadOnlyMemory<char> value) => name switch
        {
            nameof(Credential) => TrySet(ref Credential, value),
            nameof(SignedHeaders) => TrySet(ref SignedHeaders, value),
            nameof(Signature) => TrySet(ref Signature, value),
            _ => false,
        };

        public readonly SignatureRefusal? Absent(string sentence)
        {
            if (!Credential.IsEmpty && !SignedHeaders.IsEmpty && !Signature.IsEmpty)
            {
                return null;
            }

            string?[] absent =
            [
                Credential.IsEmpty ? nameof(Credential) : null,
                Signature.IsEmpty ? nameof(Signature) : null,
                SignedHeaders.IsEmpty ? nameof(SignedHeaders) : null,
            ];
            return SignatureRefusal.Incomplete(string.Join(' ', absent.OfType<string>().Select(name => string.Format(sentence, name))));
        }

        private static bool TrySet(ref ReadOnlyMemory<char> part, ReadOnlyMemory<char> value)
        {
            var isFirst = part.IsEmpty;
            part = value;
            return isFirst && !value.IsEmpty;
        }
    }
}
