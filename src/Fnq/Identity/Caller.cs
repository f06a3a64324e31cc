namespace Fnq.Identity;

/// <summary>Who signed a request.</summary>
/// <param name="UserId">As GetCallerIdentity shows it.</param>
internal sealed record Caller(string AccountId, string AccessKeyId, string Arn, string UserId);
