namespace Fnq.Dispatch;

/// <summary>What a function signs its own AWS requests with: short-lived, of its role, in its account.</summary>
public sealed record FunctionCredentials(string AccessKeyId, string SecretAccessKey, string SessionToken)
{
    /// <summary>Not a printout: they are secrets.</summary>
    public override string ToString() => AccessKeyId;
}

/// <summary>Makes them without writing anything down; implemented by Functions, used by whoever starts environments.</summary>
public interface IFunctionCredentials
{
    ValueTask<FunctionCredentials> IssueAsync(Deployment deployment, TimeSpan life, CancellationToken cancellationToken);
}
