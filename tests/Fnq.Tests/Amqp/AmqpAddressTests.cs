using Fnq.Amqp;
using Xunit;

namespace Fnq.Tests.Amqp;

public sealed class AmqpAddressTests
{
    [Theory]
    [InlineData("amqp://u:p@broker:5673/fnq", "broker", 5673, false, "u", "p", "fnq")]
    [InlineData("amqps://u:p@broker/fnq", "broker", 5671, true, "u", "p", "fnq")]
    [InlineData("amqp://broker", "broker", 5672, false, "guest", "guest", "/")]
    [InlineData("amqp://broker/", "broker", 5672, false, "guest", "guest", "/")]
    [InlineData("amqp://u%40x:p%3A%2F:q@broker/%2Fa%2Fb", "broker", 5672, false, "u@x", "p:/:q", "/a/b")]
    [InlineData("amqp://[::1]:7/v", "::1", 7, false, "guest", "guest", "v")]
    public void Is_what_the_url_says(string url, string host, int port, bool isSecure, string user, string password, string virtualHost) =>
        Assert.Equal(new AmqpAddress(host, port, isSecure, user, password, virtualHost), AmqpAddress.Parse(url));

    [Theory]
    [InlineData("")]
    [InlineData("broker:5672")]
    [InlineData("http://broker")]
    [InlineData("amqp:///vhost")]
    public void Other_urls_are_refused(string url) => Assert.Throws<FormatException>(() => AmqpAddress.Parse(url));

    [Fact]
    public void Is_printed_without_its_secret() =>
        Assert.Equal("amqps://broker:1/a%2Fb", AmqpAddress.Parse("amqps://user:secret@broker:1/a%2Fb").ToString());
}
