namespace Fnq.Identity;

/// <summary>Why a request's signature was not accepted; each protocol has its own name for it.</summary>
internal enum SignatureFault
{
    /// <summary>Nothing that looks like a signature.</summary>
    Missing,

    /// <summary>A part of it is absent or malformed.</summary>
    Incomplete,

    /// <summary>Complete, but it proves nothing: wrong, out of time, or it leaves out what must be signed.</summary>
    Invalid,

    /// <summary>The access key, or the session token, is not ours.</summary>
    UnknownKey,

    /// <summary>The session token is ours and its time is over.</summary>
    Expired,
}

/// <param name="Message">In AWS's words.</param>
internal sealed record SignatureRefusal(SignatureFault Fault, string Message)
{
    public static readonly SignatureRefusal Missing = new(SignatureFault.Missing, "Missing Authentication Token");
    public static readonly SignatureRefusal UnknownKey = new(SignatureFault.UnknownKey, "The security token included in the request is invalid.");

    public static readonly SignatureRefusal ExpiredToken = new(SignatureFault.Expired, "The security token included in the request is expired");

    public static readonly SignatureRefusal Mismatch = Invalid(
        "The request signature we calculated does not match the signature you provided. "
        + "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.");

    public static SignatureRefusal Incomplete(string message) => new(SignatureFault.Incomplete, message);

    public static SignatureRefusal Invalid(string message) => new(SignatureFault.Invalid, message);
}
