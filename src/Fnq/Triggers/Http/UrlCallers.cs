using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Identity;
using Microsoft.AspNetCore.Http;

namespace Fnq.Triggers.Http;

/// <summary>Who signed a call of a URL that asks for it. The account's own users and functions may call; nobody else is known.</summary>
internal sealed class UrlCallers(SignatureVerifier verifier, AccessKeyStore keys, SessionTokens sessions)
{
    private const string Service = "lambda";

    /// <summary>Null when nobody signed, or somebody of another account.</summary>
    /// <exception cref="AwsException">The signature is not right.</exception>
    public async Task<Caller?> FindAsync(HttpContext http, FunctionKey function, ReadOnlyMemory<byte> body)
    {
        var target = RawTarget.Of(http);
        if (http.Request.Headers.Authorization.Count == 0 && !target.Contains("X-Amz-Signature=", StringComparison.Ordinal))
        {
            return null;
        }

        if (verifier.Parse(target, http.Request.Headers, out var claim) is { } unsigned)
        {
            throw SignatureErrors.Of(unsigned);
        }

        var key = claim!.Token is { } token
            ? await sessions.FindAsync(claim.Scope.AccessKeyId, token, http.RequestAborted)
            : await keys.FindAsync(claim.Scope.AccessKeyId, http.RequestAborted);
        if (verifier.Verify(claim, new SignedRequest(http.Request.Method, target, http.Request.Headers, body.Span), key) is { } refusal)
        {
            throw SignatureErrors.Of(refusal);
        }

        return key!.Caller is { } caller && caller.AccountId == function.AccountId && claim.Scope.Service == Service ? caller : null;
    }

    public static IamCaller? Shown(Caller? caller) =>
        caller is null ? null : new IamCaller(caller.AccessKeyId, caller.AccountId, caller.Arn, caller.UserId);
}
