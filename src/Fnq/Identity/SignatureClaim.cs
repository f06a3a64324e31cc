namespace Fnq.Identity;

/// <summary>What a request says about its signature, parsed but not proven.</summary>
internal sealed class SignatureClaim
{
    /// <summary>How X-Amz-Date is written: ISO 8601 basic format, UTC.</summary>
    public const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";

    public required CredentialScope Scope { get; init; }

    /// <summary>From the cache of proven scopes.</summary>
    public bool IsScopeProven { get; init; }

    /// <summary>Lower-case names separated by semicolons.</summary>
    public required ReadOnlyMemory<char> SignedHeaders { get; init; }

    /// <summary>Hexadecimal.</summary>
    public required ReadOnlyMemory<char> Signature { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary><see cref="Time"/> as it goes into the string to sign.</summary>
    public required string TimeText { get; init; }

    /// <summary>The time is from the Date header, which then has to be signed. X-Amz-Date always has.</summary>
    public bool IsDateHeaderUsed { get; init; }

    /// <summary>Set for the presigned form: how long from <see cref="Time"/> on it holds.</summary>
    public TimeSpan? Expires { get; init; }

    /// <summary>X-Amz-Security-Token: the key is that of a session. Empty when it came more than once.</summary>
    public string? Token { get; init; }

    public bool IsPresigned => Expires is not null;
}
