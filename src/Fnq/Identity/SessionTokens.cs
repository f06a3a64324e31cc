using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fnq.Dispatch;

namespace Fnq.Identity;

/// <summary>
/// Temporary access keys that nobody writes down: all that is to be known of one is sealed in its session token (AES-GCM),
/// and its id and its secret follow from the token. Whoever has the server's secret can issue and verify them.
/// </summary>
/// <param name="serverSecret">The same on every node; keys for this purpose alone are derived from it.</param>
internal sealed class SessionTokens(Func<CancellationToken, ValueTask<byte[]>> serverSecret, TimeProvider time)
{
    private const string IdLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const byte Version = 1;
    private const int KeyBytes = 32, NonceBytes = 12, TagBytes = 16, SecretBytes = 30;

    /// <summary>Sealed text is a few names; longer ones are not ours and cost no work.</summary>
    private const int MaxToken = 2_048;
    private static readonly Range Nonce = 1..(1 + NonceBytes), Tag = (1 + NonceBytes)..(1 + NonceBytes + TagBytes), Cipher = (1 + NonceBytes + TagBytes)..;
    private Keys? _keys;

    public async ValueTask<FunctionCredentials> IssueAsync(FunctionPrincipal function, TimeSpan life, CancellationToken cancellationToken)
    {
        var keys = await KeysAsync(cancellationToken);
        var expires = (time.GetUtcNow() + life).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var token = keys.Seal(string.Join('\n', expires, function.AccountId, function.Region, function.FunctionName, function.RoleArn));
        return new FunctionCredentials(keys.IdOf(token), keys.SecretOf(token), token);
    }

    /// <summary>The key of a token of ours, expired or not; null when the token is not ours or not the id's.</summary>
    public async ValueTask<AccessKey?> FindAsync(string accessKeyId, string token, CancellationToken cancellationToken)
    {
        var keys = await KeysAsync(cancellationToken);
        if (keys.Open(token)?.Split('\n') is not [var expires, var account, var region, var name, var role]
            || !CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(keys.IdOf(token)), Encoding.UTF8.GetBytes(accessKeyId)))
        {
            return null;
        }

        var function = new FunctionPrincipal(account, region, name, role);
        return new AccessKey
        {
            Id = accessKeyId,
            Secret = keys.SecretOf(token),
            AccountId = account,
            Arn = function.Arn,
            UserId = $"AROA{IdentityModule.UserIdOf(role)[4..]}:{name}",
            CreatedAt = default,
            ExpiresAt = DateTimeOffset.FromUnixTimeSeconds(long.Parse(expires, CultureInfo.InvariantCulture)),
            Function = function,
        };
    }

    private async ValueTask<Keys> KeysAsync(CancellationToken cancellationToken) => _keys ??= new Keys(await serverSecret(cancellationToken));

    private sealed class Keys
    {
        private readonly byte[] _seal, _id, _secret;

        public Keys(byte[] serverSecret)
        {
            byte[] Derive(string purpose) =>
                HKDF.DeriveKey(HashAlgorithmName.SHA256, serverSecret, KeyBytes, info: Encoding.UTF8.GetBytes($"fnq session {purpose}"));
            (_seal, _id, _secret) = (Derive("seal"), Derive("id"), Derive("secret"));
        }

        public string Seal(string text)
        {
            var plain = Encoding.UTF8.GetBytes(text);
            var sealedBytes = new byte[1 + NonceBytes + TagBytes + plain.Length];
            sealedBytes[0] = Version;
            RandomNumberGenerator.Fill(sealedBytes.AsSpan(Nonce));
            using var aes = new AesGcm(_seal, TagBytes);
            aes.Encrypt(sealedBytes.AsSpan(Nonce), plain, sealedBytes.AsSpan(Cipher), sealedBytes.AsSpan(Tag), sealedBytes.AsSpan(0, 1));
            return Convert.ToBase64String(sealedBytes);
        }

        public string? Open(string token)
        {
            if (token.Length is 0 or > MaxToken || !Base64.IsValid(token, out var length) || length <= 1 + NonceBytes + TagBytes)
            {
                return null;
            }

            var sealedBytes = Convert.FromBase64String(token);
            var plain = new byte[sealedBytes.Length - 1 - NonceBytes - TagBytes];
            using var aes = new AesGcm(_seal, TagBytes);
            try
            {
                aes.Decrypt(sealedBytes.AsSpan(Nonce), sealedBytes.AsSpan(Cipher), sealedBytes.AsSpan(Tag), plain, sealedBytes.AsSpan(0, 1));
                return Encoding.UTF8.GetString(plain);
            }
            catch (AuthenticationTagMismatchException)
            {
                return null;
            }
        }

        /// <summary>AWS's form: ASIA and 16 letters or digits.</summary>
        public string IdOf(string token) => string.Create(20, HMACSHA256.HashData(_id, Encoding.ASCII.GetBytes(token)), static (id, hash) =>
        {
            "ASIA".CopyTo(id);
            for (var i = 4; i < id.Length; i++)
            {
                id[i] = IdLetters[hash[i] & 31];
            }
        });

        /// <summary>40 characters, as AWS's.</summary>
        public string SecretOf(string token) =>
            Convert.ToBase64String(HMACSHA256.HashData(_secret, Encoding.ASCII.GetBytes(token)).AsSpan(0, SecretBytes));
    }
}
