namespace Fnq.Identity;

/// <summary>Who signed a request.</summary>
/// <param name="UserId">As GetCallerIdentity shows it.</param>
/// <param name="Function">Set when it was a function, with the credentials of its role.</param>
internal sealed record Caller(string AccountId, string AccessKeyId, string Arn, string UserId, FunctionPrincipal? Function = null);

/// <summary>A function that calls as its role.</summary>
/// <param name="RoleArn">As given at CreateFunction; its account is not believed, the function's own counts.</param>
internal sealed record FunctionPrincipal(string AccountId, string Region, string FunctionName, string RoleArn)
{
    public string RoleName => RoleArn[(RoleArn.LastIndexOf('/') + 1)..];

    /// <summary>AWS's form for a session of a role; a function's session has the function's name.</summary>
    public string Arn => $"arn:aws:sts::{AccountId}:assumed-role/{RoleName}/{FunctionName}";
}
