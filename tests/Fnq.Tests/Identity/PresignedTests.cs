using Fnq.Identity;
using Xunit;

namespace Fnq.Tests.Identity;

public sealed class PresignedTests
{
    private static SignedSample Sample(int seconds = 60) =>
        new SignedSample { Method = "GET", Target = "/?Action=GetCallerIdentity&Version=2011-06-15" }.Presign(TimeSpan.FromSeconds(seconds));

    [Fact]
    public void Holds_until_it_expires()
    {
        var sample = Sample(900);
        Assert.Null(sample.Verify());

        sample.Time.Advance(TimeSpan.FromSeconds(900));
        Assert.Null(sample.Verify());

        sample.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.StartsWith("Signature expired", sample.Verify()!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(604801)]
    public void Refuses_a_span_out_of_range(int seconds) => Assert.Equal(SignatureFault.Incomplete, Sample(seconds).Verify()!.Fault);

    [Theory]
    [InlineData("GetCallerIdentity", "GetSessionToken")]
    [InlineData("X-Amz-Expires=60", "X-Amz-Expires=61")]
    [InlineData("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=x-amz-date")]
    [InlineData("us-east-1", "us-east-2")]
    [InlineData("&X-Amz-Expires=60", "")]
    [InlineData("&X-Amz-SignedHeaders=host", "")]
    [InlineData("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA1")]
    [InlineData("&X-Amz-Signature=", "&X-Amz-Signature=00&X-Amz-Signature=")]
    [InlineData("&X-Amz-Signature=", "&X%2DAmz-Signature=00&X-Amz-Signature=")]
    [InlineData("&X-Amz-Signature=", "&X-Amz-Security-Token=t&X-Amz-Signature=")]
    [InlineData("&X-Amz-Signature=", "&more=1&X-Amz-Signature=")]
    public void Refuses_any_change(string part, string instead)
    {
        var sample = Sample();
        Assert.Contains(part, sample.Target, StringComparison.Ordinal);
        sample.Target = sample.Target.Replace(part, instead, StringComparison.Ordinal);

        Assert.NotNull(sample.Verify());
    }

    [Fact]
    public void Refuses_a_body_and_a_second_signature_in_the_header()
    {
        var sample = Sample();
        sample.Body = [1];
        Assert.Equal(SignatureFault.Invalid, sample.Verify()!.Fault);

        var both = Sample();
        both.Authorization = new SignedSample().Sign().Authorization;
        Assert.Equal(SignatureFault.Incomplete, both.Verify()!.Fault);
    }
}
