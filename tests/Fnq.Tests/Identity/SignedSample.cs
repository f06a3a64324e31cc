using System.Text;
using Fnq.Dispatch;
using Fnq.Identity;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace Fnq.Tests.Identity;

/// <summary>A signed request that a test bends before it is verified.</summary>
internal sealed class SignedSample
{
    public const string KeyId = "AKIDEXAMPLE";
    public const string Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 15, 0, TimeSpan.Zero);
    private static readonly IdentityOptions Options = new() { AccountId = "123456789012", AccessKeyId = KeyId, SecretAccessKey = Secret };

    public SignedSample(FakeTimeProvider? time = null)
    {
        Time = time ?? new FakeTimeProvider(Start);
        Verifier = new SignatureVerifier(Options, Time);
    }

    public FakeTimeProvider Time { get; }
    public SignatureVerifier Verifier { get; }
    public string Method { get; set; } = "POST";
    public string Target { get; set; } = "/2015-03-31/functions/hello/invocations";
    public byte[] Body { get; set; } = Encoding.UTF8.GetBytes("{\"a\":1}");
    public AccessKey? Key { get; set; } = TestKey.Of(KeyId, Secret);
    /// <summary>Of a session, instead of the key above.</summary>
    public FunctionCredentials? Credentials { get; set; }
    public HeaderDictionary Headers { get; } = new() { ["Host"] = "localhost:9000" };

    public string Authorization
    {
        get => Headers["Authorization"].ToString();
        set => Headers["Authorization"] = value;
    }

    public SignedSample Sign(string service = "lambda", string region = "us-east-1", string? payloadHash = null)
    {
        Headers["X-Amz-Date"] = Time.GetUtcNow().ToString(SignatureClaim.TimeFormat);
        Headers.Remove("Authorization");
        if (Credentials is { SessionToken.Length: > 0 } session)
        {
            Headers["X-Amz-Security-Token"] = session.SessionToken;
        }

        var lines = Headers.SelectMany(header => header.Value.Select(value => KeyValuePair.Create(header.Key, value!)));
        Authorization = Signer(service, region).Authorization(Method, Target, lines, payloadHash ?? HashOf(Body));
        return this;
    }

    public SignedSample Presign(TimeSpan expires, string service = "sts")
    {
        Body = [];
        Target = Signer(service, "us-east-1").Presign(Method, Target, Headers["Host"]!, expires);
        return this;
    }

    public SignatureRefusal? Verify() =>
        Verifier.Parse(Target, Headers, out var claim)
        ?? Verifier.Verify(claim!, new SignedRequest(Method, Target, Headers, Body), claim!.Scope.AccessKeyId == Key?.Id ? Key : null);

    public static string HashOf(byte[] body) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(body));

    private SigV4Signer Signer(string service, string region) =>
        new(Credentials?.AccessKeyId ?? KeyId, Credentials?.SecretAccessKey ?? Secret, region, service, Time);
}
