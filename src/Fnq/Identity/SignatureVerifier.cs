using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Fnq.Identity;

/// <summary>The parts of a request that a signature covers, as they came.</summary>
internal readonly ref struct SignedRequest(string method, string rawTarget, IHeaderDictionary headers, ReadOnlySpan<byte> body)
{
    public string Method { get; } = method;
    public string RawTarget { get; } = rawTarget;
    public IHeaderDictionary Headers { get; } = headers;
    public ReadOnlySpan<byte> Body { get; } = body;
}

/// <summary>AWS Signature Version 4: proves on the raw request that its sender holds the secret of the key it names.</summary>
internal sealed class SignatureVerifier
{
    private const string UnsignedPayload = "UNSIGNED-PAYLOAD";
    private const int HashLength = SHA256.HashSizeInBytes;

    /// <summary>Unknown keys do the same work as known ones.</summary>
    private static readonly string NobodysSecret = Convert.ToHexString(RandomNumberGenerator.GetBytes(20));

    private readonly ProvenScopes _proven;
    private readonly SignatureParser _parser;
    private readonly TimeSpan _window;
    private readonly TimeProvider _time;

    public SignatureVerifier(IdentityOptions options, TimeProvider time)
    {
        _window = options.SignatureWindow;
        _time = time;
        _proven = new ProvenScopes();
        _parser = new SignatureParser(_proven);
    }

    /// <summary>Finds out who claims to have signed, before the body is read.</summary>
    /// <returns>The refusal, or null and the claim.</returns>
    public SignatureRefusal? Parse(string rawTarget, IHeaderDictionary headers, out SignatureClaim? claim) =>
        _parser.Parse(rawTarget, headers, out claim);

    /// <param name="claim">From <see cref="Parse"/>.</param>
    /// <param name="request">The same request, with its whole body.</param>
    /// <param name="key">The key that the claim names, null if there is none.</param>
    /// <returns>Null when the signature is right.</returns>
    public SignatureRefusal? Verify(SignatureClaim claim, in SignedRequest request, AccessKey? key)
    {
        var refusal = Prove(claim, request, key?.Secret ?? NobodysSecret);
        if (key is null || key.ExpiresAt.HasValue != claim.Token is not null)
        {
            return SignatureRefusal.UnknownKey;
        }

        if (key.ExpiresAt <= _time.GetUtcNow())
        {
            return SignatureRefusal.ExpiredToken;
        }

        refusal = OutOfTime(claim) ?? refusal;
        if (refusal is null && !claim.IsScopeProven)
        {
            _proven.Keep(claim.Scope);
        }

        return refusal;
    }

    private SignatureRefusal? OutOfTime(SignatureClaim claim)
    {
        var now = _time.GetUtcNow();
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond));
        var latest = now + _window;
        if (claim.Time > latest)
        {
            return SignatureRefusal.Invalid(
                $"Signature not yet current: {claim.TimeText} is still later than {Text(latest)} ({Text(now)} + {Span(_window)}.)");
        }

        var age = claim.Expires ?? _window;
        var earliest = now - age;
        return claim.Time < earliest
            ? SignatureRefusal.Invalid($"Signature expired: {claim.TimeText} is now earlier than {Text(earliest)} ({Text(now)} - {Span(age)}.)")
            : null;

        static string Text(DateTimeOffset at) => at.ToString(SignatureClaim.TimeFormat);
        static string Span(TimeSpan span) => span.Ticks % TimeSpan.TicksPerMinute == 0 ? $"{span.TotalMinutes:0} min" : $"{span.TotalSeconds:0} sec";
    }

    [SkipLocalsInit]
    private static SignatureRefusal? Prove(SignatureClaim claim, in SignedRequest request, string secret)
    {
        var canonical = new CanonicalWriter(stackalloc byte[2048]);
        try
        {
            if (AppendCanonicalRequest(ref canonical, claim, request) is { } refusal)
            {
                return refusal;
            }

            Span<byte> hash = stackalloc byte[HashLength];
            SHA256.HashData(canonical.Written, hash);
            Span<byte> signature = stackalloc byte[HashLength];
            Sign(claim, hash, secret, signature);
            return Equals(signature, claim.Signature.Span) ? null : SignatureRefusal.Mismatch;
        }
        finally
        {
            canonical.Dispose();
        }
    }

    private static SignatureRefusal? AppendCanonicalRequest(ref CanonicalWriter canonical, SignatureClaim claim, in SignedRequest request)
    {
        var target = request.RawTarget.AsSpan();
        var question = target.IndexOf('?');
        canonical.Append(request.Method);
        canonical.Append((byte)'\n');
        CanonicalTarget.AppendPath(ref canonical, question < 0 ? target : target[..question], claim.Scope.IsS3);
        canonical.Append((byte)'\n');
        CanonicalTarget.AppendQuery(ref canonical, question < 0 ? "" : target[(question + 1)..], claim.IsPresigned);
        canonical.Append((byte)'\n');
        if (CanonicalHeaders.Append(ref canonical, request.Headers, claim) is { } refusal)
        {
            return refusal;
        }

        canonical.Append((byte)'\n');
        canonical.Append(claim.SignedHeaders.Span);
        canonical.Append((byte)'\n');
        return AppendPayloadHash(ref canonical, claim, request);
    }

    private static SignatureRefusal? AppendPayloadHash(ref CanonicalWriter canonical, SignatureClaim claim, in SignedRequest request)
    {
        var declared = request.Headers["X-Amz-Content-Sha256"];
        if (claim.Scope.IsS3 && (claim.IsPresigned ? declared.Count == 0 : declared == UnsignedPayload))
        {
            canonical.Append(UnsignedPayload);
            return null;
        }

        Span<byte> hash = stackalloc byte[HashLength];
        SHA256.HashData(request.Body, hash);
        if (declared.Count > 0)
        {
            Span<char> hex = stackalloc char[HashLength * 2];
            Convert.TryToHexStringLower(hash, hex, out _);
            if (!hex.SequenceEqual(declared.ToString()))
            {
                return SignatureRefusal.Mismatch;
            }
        }

        canonical.AppendHex(hash);
        return null;
    }

    [SkipLocalsInit]
    private static void Sign(SignatureClaim claim, ReadOnlySpan<byte> requestHash, string secret, Span<byte> signature)
    {
        var text = new CanonicalWriter(stackalloc byte[512]);
        text.Append("AWS4-HMAC-SHA256\n"u8);
        text.Append(claim.TimeText);
        text.Append((byte)'\n');
        text.Append(claim.Scope.Text);
        text.Append((byte)'\n');
        text.AppendHex(requestHash);
        HMACSHA256.HashData(claim.Scope.SigningKey(secret), text.Written, signature);
        text.Dispose();
    }

    private static bool Equals(ReadOnlySpan<byte> signature, ReadOnlySpan<char> claimed)
    {
        Span<byte> hex = stackalloc byte[HashLength * 2];
        Convert.TryToHexStringLower(signature, hex, out _);
        Span<byte> theirs = stackalloc byte[HashLength * 2];
        return claimed.Length == theirs.Length
            && Encoding.ASCII.TryGetBytes(claimed, theirs, out _)
            && CryptographicOperations.FixedTimeEquals(hex, theirs);
    }
}
