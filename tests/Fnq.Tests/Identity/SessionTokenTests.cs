using System.Text;
using Fnq.Dispatch;
using Fnq.Identity;
using Fnq.Tests.AwsApi;
using Xunit;

namespace Fnq.Tests.Identity;

public sealed class SessionTokenTests
{
    private const string Invoke = "/functions/hello/invocations";
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);
    private static readonly FunctionPrincipal Function =
        new("111122223333", "us-east-1", "hello", "arn:aws:iam::123456789012:role/service-role/lambda-basic-exec");

    [Fact]
    public async Task Look_like_those_of_AWS_and_no_two_are_the_same()
    {
        var sample = new FrontSample();
        var (one, other) = (await IssueAsync(sample), await IssueAsync(sample));

        Assert.Matches("^ASIA[A-Z2-7]{16}$", one.AccessKeyId);
        Assert.Equal(40, one.SecretAccessKey.Length);
        Assert.DoesNotContain("hello", Encoding.UTF8.GetString(Convert.FromBase64String(one.SessionToken)), StringComparison.Ordinal);
        Assert.NotEqual(one.AccessKeyId, other.AccessKeyId);
        Assert.NotEqual(one.SecretAccessKey, other.SecretAccessKey);
        Assert.Equal(one.AccessKeyId, one.ToString());
    }

    [Fact]
    public async Task Let_a_function_call_as_its_role_in_its_own_account_whatever_account_the_role_names()
    {
        var sample = new FrontSample();

        var answer = await sample.SendAsync("POST", Invoke, credentials: await IssueAsync(sample));

        Assert.Equal(200, answer.Status);
        var caller = sample.Request!.Caller;
        Assert.Equal(("111122223333", "arn:aws:sts::111122223333:assumed-role/lambda-basic-exec/hello"), (caller.AccountId, caller.Arn));
        Assert.Matches("^AROA[A-Z2-7]{17}:hello$", caller.UserId);
    }

    [Fact]
    public async Task Are_refused_by_their_end_and_not_before()
    {
        var sample = new FrontSample();
        var credentials = await IssueAsync(sample);

        sample.Time.Advance(Life - TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await sample.SendAsync("POST", Invoke, credentials: credentials)).Status);
        sample.Time.Advance(TimeSpan.FromSeconds(1));
        var late = await sample.SendAsync("POST", Invoke, credentials: credentials);
        Assert.Equal((403, "ExpiredTokenException"), (late.Status, late.ErrorType));
        Assert.Contains("The security token included in the request is expired", late.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Are_refused_when_any_part_is_not_theirs()
    {
        var sample = new FrontSample();
        var (mine, other) = (await IssueAsync(sample), await IssueAsync(sample));
        var bytes = Convert.FromBase64String(mine.SessionToken);
        bytes[^1] ^= 1;
        var elsewhere = await new SessionTokens(_ => new(Enumerable.Repeat((byte)1, 32).ToArray()), sample.Time)
            .IssueAsync(Function, Life, CancellationToken.None);
        FunctionCredentials[] forged =
        [
            mine with { SessionToken = "" },
            mine with { SessionToken = "garbage" },
            mine with { SessionToken = Convert.ToBase64String(bytes) },
            mine with { SessionToken = other.SessionToken },
            mine with { AccessKeyId = SignedSample.KeyId },
            mine with { AccessKeyId = SignedSample.KeyId, SecretAccessKey = SignedSample.Secret },
            elsewhere,
        ];

        foreach (var each in forged)
        {
            var answer = await sample.SendAsync("POST", Invoke, credentials: each);
            Assert.Equal((403, "UnrecognizedClientException"), (answer.Status, answer.ErrorType));
        }

        var wrong = await sample.SendAsync("POST", Invoke, credentials: mine with { SecretAccessKey = other.SecretAccessKey });
        Assert.Equal((403, "InvalidSignatureException"), (wrong.Status, wrong.ErrorType));
    }

    [Fact]
    public async Task Allow_no_more_than_their_policy()
    {
        var sample = new FrontSample();
        var credentials = await IssueAsync(sample);

        var denied = await sample.SendAsync("DELETE", "/functions/hello", credentials: credentials);
        Assert.Equal((403, "AccessDeniedException"), (denied.Status, denied.ErrorType));
        Assert.Contains(
            "User: arn:aws:sts::111122223333:assumed-role/lambda-basic-exec/hello is not authorized to perform: lambda:DeleteFunction on resource: hello "
            + "because no identity-based policy allows the lambda:DeleteFunction action", denied.Body, StringComparison.Ordinal);

        Assert.Contains(" lambda DeleteFunction (DELETE ", Assert.Single(sample.Lines.All).Text, StringComparison.Ordinal);

        // An operation that nobody has named is nobody's but the users'.
        Assert.Equal(404, (await sample.SendAsync("GET", "/unnamed", credentials: credentials)).Status);
        Assert.Null(sample.Request);
        Assert.Equal(200, (await sample.SendAsync("GET", "/unnamed")).Status);
        Assert.NotNull(sample.Request);
    }

    [Fact]
    public async Task Have_their_body_read_only_with_a_token_of_ours()
    {
        var sample = new FrontSample();
        var credentials = await IssueAsync(sample);
        var (own, strange) = (new MemoryStream(new byte[10]), new MemoryStream(new byte[10]));

        Assert.Equal(200, (await sample.SendAsync("POST", Invoke, new byte[10], stream: own, credentials: credentials)).Status);
        var refused = await sample.SendAsync("POST", Invoke, new byte[10], stream: strange, credentials: credentials with { SessionToken = "token" });
        Assert.Equal(("UnrecognizedClientException", 0), (refused.ErrorType, strange.Position));
    }

    [Fact]
    public async Task Say_who_they_are_to_STS_and_refuse_there_in_its_own_words()
    {
        var sample = new FrontSample();
        var credentials = await IssueAsync(sample);

        var identity = await sample.SendAsync("POST", "/", "Action=GetCallerIdentity"u8.ToArray(), "sts", credentials: credentials);
        Assert.Contains("<Arn>arn:aws:sts::111122223333:assumed-role/lambda-basic-exec/hello</Arn>", identity.Body, StringComparison.Ordinal);
        sample.Time.Advance(Life);
        var late = await sample.SendAsync("POST", "/", "Action=GetCallerIdentity"u8.ToArray(), "sts", credentials: credentials);
        Assert.Contains("<Code>ExpiredToken</Code>", late.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lambda:InvokeFunction", true)]
    [InlineData("sts:GetCallerIdentity", true)]
    [InlineData("logs:PutLogEvents", true)]
    [InlineData("s3:GetObject", true)]
    [InlineData("s3:PutObject", true)]
    [InlineData("s3:DeleteObject", false)]
    [InlineData("s3:ListBucket", false)]
    [InlineData("lambda:GetFunction", false)]
    [InlineData("lambda:ListFunctions", false)]
    [InlineData("lambda:UpdateFunctionCode", false)]
    [InlineData("lambda:TagResource", false)]
    [InlineData("sts:AssumeRole", false)]
    [InlineData("iam:PassRole", false)]
    public void The_policy_of_functions(string action, bool allowed) => Assert.Equal(allowed, FunctionPolicy.Allows(action));

    private static ValueTask<FunctionCredentials> IssueAsync(FrontSample sample) => sample.Sessions.IssueAsync(Function, Life, CancellationToken.None);
}
