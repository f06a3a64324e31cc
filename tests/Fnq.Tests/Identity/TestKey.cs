using Fnq.Identity;

namespace Fnq.Tests.Identity;

internal static class TestKey
{
    public static AccessKey Of(string id, string secret) => new()
    {
        Id = id,
        Secret = secret,
        AccountId = "123456789012",
        Arn = "arn:aws:iam::123456789012:user/fnq",
        UserId = "AIDAEXAMPLEEXAMPLEEXA",
        CreatedAt = DateTimeOffset.UnixEpoch,
    };
}
