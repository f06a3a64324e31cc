using Fnq.Identity;
using Microsoft.AspNetCore.Http;

namespace Fnq.AwsApi;

/// <summary>Names a refused signature as the JSON protocols do. The XML ones translate these names.</summary>
internal static class SignatureErrors
{
    public const string Missing = "MissingAuthenticationTokenException";
    public const string Incomplete = "IncompleteSignatureException";
    public const string Invalid = "InvalidSignatureException";
    public const string UnknownKey = "UnrecognizedClientException";
    public const string Expired = "ExpiredTokenException";

    public static AwsException Of(SignatureRefusal refusal) =>
        new(StatusCodes.Status403Forbidden, Name(refusal.Fault), refusal.Message, MessageMember.LowerWithoutType);

    private static string Name(SignatureFault fault) => fault switch
    {
        SignatureFault.Missing => Missing,
        SignatureFault.Incomplete => Incomplete,
        SignatureFault.UnknownKey => UnknownKey,
        SignatureFault.Expired => Expired,
        _ => Invalid,
    };
}
