namespace Fnq.Identity;

/// <summary>
/// What a function may ask of Fnq with the credentials of its role, until roles have policies of their own. Always in
/// its own account: an operation takes the account from the caller and refuses every other.
/// </summary>
internal static class FunctionPolicy
{
    private static readonly HashSet<string> Allowed = new(StringComparer.Ordinal)
    {
        // As in IAM, the right to invoke covers the three operations that do it.
        "lambda:InvokeFunction",
        "s3:GetObject",
        "s3:PutObject",
        "sts:GetCallerIdentity",
    };

    public static bool Allows(string action) => Allowed.Contains(action) || action.StartsWith("logs:", StringComparison.Ordinal);

    /// <summary>In AWS's words.</summary>
    public static string Refusal(Caller caller, string action, string resource) =>
        $"User: {caller.Arn} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action";
}
