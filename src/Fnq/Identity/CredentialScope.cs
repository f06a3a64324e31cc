using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Fnq.Identity;

/// <summary>The parts of <c>Credential=id/date/region/service/aws4_request</c>, and the signing key that belongs to them.</summary>
internal sealed class CredentialScope(string accessKeyId, string date, string region, string service)
{
    public const string Terminator = "aws4_request";

    private Derived? _derived;

    public string AccessKeyId => accessKeyId;

    /// <summary>yyyyMMdd.</summary>
    public string Date => date;
    public string Region => region;
    public string Service => service;

    /// <summary>Without the key id, as it goes into the string to sign.</summary>
    public string Text { get; } = $"{date}/{region}/{service}/{Terminator}";

    /// <summary>S3 signs the path as it is, and lets payloads go unsigned.</summary>
    public bool IsS3 => service == "s3";

    /// <summary>Derived once for each secret; a new secret under the same id gets a new key.</summary>
    public byte[] SigningKey(string secret)
    {
        var derived = _derived;
        if (derived is null || derived.Secret != secret)
        {
            _derived = derived = new Derived(secret, Derive(secret, date, region, service));
        }

        return derived.Key;
    }

    public static byte[] Derive(string secret, string date, string region, string service)
    {
        var key = HMACSHA256.HashData(Encoding.UTF8.GetBytes("AWS4" + secret), Encoding.UTF8.GetBytes(date));
        key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(region));
        key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(service));
        return HMACSHA256.HashData(key, "aws4_request"u8);
    }

    private sealed record Derived(string Secret, byte[] Key);
}

/// <summary>
/// Scopes that proved themselves once, by their text, so that a warm request parses and derives nothing.
/// Signatures are never remembered.
/// </summary>
internal sealed class ProvenScopes
{
    /// <summary>Each day, region and service of a key is one; beyond this all are forgotten.</summary>
    public const int Max = 4096;

    private readonly ConcurrentDictionary<string, CredentialScope> _scopes = new();
    private readonly ConcurrentDictionary<string, CredentialScope>.AlternateLookup<ReadOnlySpan<char>> _byText;

    public ProvenScopes() => _byText = _scopes.GetAlternateLookup<ReadOnlySpan<char>>();

    public CredentialScope? Find(ReadOnlySpan<char> credential) =>
        _byText.TryGetValue(credential, out var scope) ? scope : null;

    public void Keep(CredentialScope scope)
    {
        // Count takes every lock of the dictionary, so it is asked for new scopes only.
        var text = $"{scope.AccessKeyId}/{scope.Text}";
        if (_scopes.ContainsKey(text))
        {
            return;
        }

        if (_scopes.Count >= Max)
        {
            _scopes.Clear();
        }

        _scopes[text] = scope;
    }
}
