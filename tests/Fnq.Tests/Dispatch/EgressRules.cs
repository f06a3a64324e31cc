using Fnq.Dispatch;
using Fnq.Functions;
using Xunit;

namespace Fnq.Tests.Dispatch;

public sealed class EgressRules
{
    [Theory]
    [InlineData("10.1.2.3", "10.1.2.3/32")]
    [InlineData("10.1.2.3:5432", "10.1.2.3/32:5432")]
    [InlineData("10.0.0.0/8 192.168.4.0/24:443", "10.0.0.0/8 192.168.4.0/24:443")]
    [InlineData("10.0.0.1,10.0.0.2", "10.0.0.1/32 10.0.0.2/32")]
    [InlineData("  ", "")]
    public void Are_networks_with_an_optional_port(string text, string expected) =>
        Assert.Equal(expected, string.Join(' ', EgressRule.ParseList(text)!));

    [Theory]
    [InlineData("10.0.0.1/8")] // bits behind the prefix: which did they mean?
    [InlineData("10.0.0.0/33")]
    [InlineData("10.1:80")]
    [InlineData("167772161")]
    [InlineData("0x0a000001")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("fd00::/8")]
    [InlineData("10.0.0.1:0")]
    [InlineData("10.0.0.1:65536")]
    [InlineData("10.0.0.1:+80")]
    [InlineData("10.0.0.1:80:81")]
    [InlineData("db.internal:5432")]
    [InlineData("10.0.0.1;10.0.0.2")]
    [InlineData("10.0.0.1 }\nflush ruleset")]
    public void Are_nothing_else(string text) => Assert.Null(EgressRule.ParseList(text));

    [Theory]
    [InlineData("169.254.169.254:80")]
    [InlineData("169.254.0.0/16")]
    [InlineData("127.0.0.1:5432")]
    [InlineData("0.0.0.0/0")]
    [InlineData("128.0.0.0/1")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    public void Never_open_loopback_metadata_or_multicast(string text) => Assert.Null(EgressRule.ParseList(text));

    [Fact]
    public void Are_checked_when_they_come_as_tags()
    {
        Assert.Null(TagRules.Check(new Dictionary<string, string> { [EgressTags.Mode] = "none", [EgressTags.Allow] = "10.0.0.1:80" }));
        Assert.Equal("InvalidParameterValueException", TagRules.Check(new Dictionary<string, string> { [EgressTags.Mode] = "open" })?.Type);
        Assert.Equal("InvalidParameterValueException", TagRules.Check(new Dictionary<string, string> { [EgressTags.Allow] = "127.0.0.1" })?.Type);
    }
}
