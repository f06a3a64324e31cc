using System.Text;
using Fnq.Identity;
using Xunit;

namespace Fnq.Tests.Identity;

public sealed class SignatureVerifierTests
{
    private const string Mismatch = "The request signature we calculated does not match the signature you provided.";

    [Fact]
    public void Accepts_what_the_signer_signed_and_a_replay_of_it()
    {
        var sample = new SignedSample().Sign();

        Assert.Null(sample.Verify());
        Assert.Null(sample.Verify());
    }

    [Theory]
    [InlineData("", SignatureFault.Missing)]
    [InlineData("AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", SignatureFault.Incomplete)]
    [InlineData("AWS4-HMAC-SHA1 Credential=a/20260101/r/s/aws4_request, SignedHeaders=host, Signature=00", SignatureFault.Incomplete)]
    [InlineData("AWS4-HMAC-SHA256", SignatureFault.Incomplete)]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/r/s/aws4_request, Signature=00", SignatureFault.Incomplete)]
    [InlineData("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00", SignatureFault.Incomplete)]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/r/s/aws4_request, SignedHeaders=host", SignatureFault.Incomplete)]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/r/s/aws4_request, SignedHeaders=host, Signature=00, Signature=01", SignatureFault.Incomplete)]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/r/aws4_request, SignedHeaders=host, Signature=00", SignatureFault.Incomplete)]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/r/s/t/aws4_request, SignedHeaders=host, Signature=00", SignatureFault.Incomplete)]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/r/s/aws4_reqest, SignedHeaders=host, Signature=00", SignatureFault.Invalid)]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/2026-101/r/s/aws4_request, SignedHeaders=host, Signature=00", SignatureFault.Invalid)]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/../s/aws4_request, SignedHeaders=host, Signature=00", SignatureFault.Invalid)]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKID EXAMPLE/20260101/r/s/aws4_request, SignedHeaders=host, Signature=00", SignatureFault.UnknownKey)]
    public void Refuses_a_malformed_authorization(string authorization, object fault)
    {
        var sample = new SignedSample().Sign();
        sample.Authorization = authorization;

        Assert.Equal(fault, sample.Verify()!.Fault);
    }

    [Fact]
    public void Refuses_a_request_without_and_with_two_authorizations()
    {
        var sample = new SignedSample().Sign();
        sample.Headers["Authorization"] = new([sample.Authorization, sample.Authorization]);
        Assert.Equal(SignatureFault.Incomplete, sample.Verify()!.Fault);

        sample.Headers.Remove("Authorization");
        var refusal = sample.Verify()!;
        Assert.Equal((SignatureFault.Missing, "Missing Authentication Token"), (refusal.Fault, refusal.Message));
    }

    [Theory]
    [InlineData("/lambda/", "/events/")]
    [InlineData("/us-east-1/", "/us-east-2/")]
    [InlineData("/20260101/", "/20260102/")]
    [InlineData("host;", "host;host;")]
    [InlineData("host;x-amz-date", "x-amz-date;host")]
    [InlineData("host;x-amz-date", "Host;x-amz-date")]
    [InlineData("host;x-amz-date", "host")]
    [InlineData("host;x-amz-date", "x-amz-date")]
    [InlineData("host;x-amz-date", "host;x-absent;x-amz-date")]
    [InlineData("host;x-amz-date", "host;x-amz-date;")]
    public void Refuses_another_scope_or_other_signed_headers(string part, string instead)
    {
        var sample = new SignedSample().Sign();
        sample.Authorization = sample.Authorization.Replace(part, instead, StringComparison.Ordinal);

        Assert.Equal(SignatureFault.Invalid, sample.Verify()!.Fault);
    }

    [Fact]
    public void Refuses_an_amz_header_that_is_not_signed_but_takes_others()
    {
        var sample = new SignedSample().Sign();
        sample.Headers["User-Agent"] = "any";
        sample.Headers["X-Amzn-Trace-Id"] = "Root=1";
        Assert.Null(sample.Verify());

        sample.Headers["X-AMZ-Log-Type"] = "Tail";
        Assert.Contains("X-Amz-", sample.Verify()!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-300, null)]
    [InlineData(300, null)]
    [InlineData(301, "Signature expired: 20260101T001500Z is now earlier than 20260101T001501Z (20260101T002001Z - 5 min.)")]
    [InlineData(-301, "Signature not yet current: 20260101T001500Z is still later than 20260101T001459Z (20260101T000959Z + 5 min.)")]
    public void Holds_five_minutes_either_way(int seconds, string? message)
    {
        var signed = new SignedSample().Sign();
        var later = new SignedSample(new(SignedSample.Start.AddSeconds(seconds).AddMilliseconds(900))) { Target = signed.Target };
        later.Headers["X-Amz-Date"] = signed.Headers["X-Amz-Date"];
        later.Authorization = signed.Authorization;

        Assert.Equal(message, later.Verify()?.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("2026-01-01T00:15:00Z")]
    [InlineData("20260101T001500")]
    [InlineData("20261301T001500Z")]
    public void Refuses_a_malformed_date(string date)
    {
        var sample = new SignedSample().Sign();
        sample.Headers["X-Amz-Date"] = date;

        Assert.Equal(SignatureFault.Incomplete, sample.Verify()!.Fault);
    }

    [Fact]
    public void Tells_an_unknown_key_from_a_wrong_secret()
    {
        var sample = new SignedSample().Sign();
        sample.Key = null;
        Assert.Equal("The security token included in the request is invalid.", sample.Verify()!.Message);

        sample.Key = TestKey.Of(SignedSample.KeyId, "another");
        Assert.StartsWith(Mismatch, sample.Verify()!.Message, StringComparison.Ordinal);

        sample.Key = TestKey.Of(SignedSample.KeyId, SignedSample.Secret);
        Assert.Null(sample.Verify());

        sample.Key = TestKey.Of(SignedSample.KeyId, "rotated");
        Assert.StartsWith(Mismatch, sample.Verify()!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Knows_no_session_tokens()
    {
        var sample = new SignedSample();
        sample.Headers["X-Amz-Security-Token"] = "token";

        Assert.Equal(SignatureFault.UnknownKey, sample.Sign().Verify()!.Fault);
    }

    [Fact]
    public void Compares_a_declared_payload_hash_with_the_body()
    {
        var sample = new SignedSample();
        sample.Headers["X-Amz-Content-Sha256"] = SignedSample.HashOf(sample.Body);
        Assert.Null(sample.Sign().Verify());

        sample.Body = Encoding.UTF8.GetBytes("{\"a\":2}");
        Assert.StartsWith(Mismatch, sample.Verify()!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("s3", true)]
    [InlineData("lambda", false)]
    public void Takes_an_unsigned_payload_for_s3_only(string service, bool accepted)
    {
        var sample = new SignedSample { Target = "/bucket/a%20b//c" };
        sample.Headers["X-Amz-Content-Sha256"] = "UNSIGNED-PAYLOAD";

        Assert.Equal(accepted, sample.Sign(service, payloadHash: "UNSIGNED-PAYLOAD").Verify() is null);
    }

    [Theory]
    [InlineData("/a%2Fb", "/a/b")]
    [InlineData("/a%252Fb", "/a%2Fb")]
    [InlineData("/a+b", "/a%20b")]
    [InlineData("/a?x=%41%2f", "/a?x=B%2F")]
    [InlineData("/a?x=1&y=2", "/a?x=2&y=1")]
    [InlineData("/a?x", "/a?y")]
    public void Tells_paths_and_queries_apart(string target, string other)
    {
        var sample = new SignedSample { Target = target }.Sign();
        Assert.Null(sample.Verify());

        sample.Target = other;
        Assert.StartsWith(Mismatch, sample.Verify()!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/a?b=2&a=1", "/a?a=1&b=2")]
    [InlineData("/a?x=%7e%2f", "/a?x=~%2F")]
    [InlineData("/a?x=a+b", "/a?x=a%20b")]
    [InlineData("/a?x", "/a?x=")]
    [InlineData("/a?a-=1&a=2", "/a?a=2&a-=1")]
    [InlineData("/a?", "/a")]
    [InlineData("/a//./b/../c", "/a/c")]
    public void Takes_spellings_of_one_target_as_equal(string target, string other)
    {
        var sample = new SignedSample { Target = target }.Sign();
        sample.Target = other;

        Assert.Null(sample.Verify());
    }

    [Fact]
    public void Needs_little_memory()
    {
        var sample = new SignedSample().Sign();
        Assert.Null(sample.Verify());
        Assert.Null(sample.Verify());
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(sample.Verify());

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 600);
    }
}
