using Fnq.AwsApi;
using Fnq.Functions;
using Xunit;

namespace Fnq.Tests.Functions;

public sealed class FunctionNames
{
    private const string Account = "123456789012";
    private const string Region = "us-east-1";
    private const string Arn = "arn:aws:lambda:us-east-1:123456789012:function:f";

    [Theory]
    [InlineData("f", null)]
    [InlineData("f:7", "7")]
    [InlineData("f:$LATEST", "$LATEST")]
    [InlineData("123456789012:function:f", null)]
    [InlineData("function:f:live", "live")]
    [InlineData(Arn, null)]
    [InlineData(Arn + ":12", "12")]
    public void Are_accepted_in_every_form(string given, string? qualifier)
    {
        var reference = Parse(given);
        Assert.Equal(Arn, reference.Function.Arn);
        Assert.Equal(qualifier, reference.Qualifier);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("a/b")]
    [InlineData("")]
    [InlineData("ｆ")]
    [InlineData("f\r\n")]
    [InlineData("f\n")]
    [InlineData("f\0")]
    [InlineData("f:")]
    [InlineData("arn:aws:s3:::x")]
    public void Are_refused_when_they_break_the_pattern(string given)
    {
        var error = Assert.Throws<AwsException>(() => Parse(given));
        Assert.Equal("ValidationException", error.Type);
        Assert.Contains($"Value '{given}' at 'functionName' failed to satisfy constraint: Member must", error.Message);
    }

    [Fact]
    public void Have_two_length_limits_with_two_errors()
    {
        var whole = Assert.Throws<AwsException>(() => Parse(new string('a', 141)));
        Assert.Equal("ValidationException", whole.Type);
        Assert.Equal(
            $"1 validation error detected: Value '{new string('a', 141)}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 140",
            whole.Message);
        var name = Assert.Throws<AwsException>(() => Parse(new string('a', 65)));
        Assert.Equal("InvalidParameterValueException", name.Type);
        Assert.EndsWith("Member must have length less than or equal to 64", name.Message);
    }

    [Fact]
    public void Of_other_regions_and_accounts_are_out_of_reach()
    {
        var region = Assert.Throws<AwsException>(() => Parse(Arn.Replace("us-east-1", "eu-west-1")));
        Assert.Equal((404, "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"), (region.Status, region.Message));
        Assert.Equal(403, Assert.Throws<AwsException>(() => Parse(Arn.Replace(Account, "999999999999"))).Status);
    }

    [Fact]
    public void Must_agree_with_the_qualifier()
    {
        Assert.Equal("1", Parse("f:1", "1").Qualifier);
        Assert.Equal(
            "The derived qualifier from the function name does not match the specified qualifier.",
            Assert.Throws<AwsException>(() => Parse("f:1", "2")).Message);
        Assert.Equal("ValidationException", Assert.Throws<AwsException>(() => Parse("f", "a b")).Type);
        Assert.Equal((0, 12, null), (Parse("f").VersionNumber, Parse("f", "12").VersionNumber, Parse("f", "live").VersionNumber));
    }

    private static FunctionReference Parse(string given, string? qualifier = null) =>
        FunctionReference.Parse(given, qualifier, Account, Region);
}
