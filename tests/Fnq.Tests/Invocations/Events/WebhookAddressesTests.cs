using System.Net;
using Fnq.Dispatch;
using Fnq.Invocations.Events;
using Xunit;

namespace Fnq.Tests.Invocations.Events;

public sealed class WebhookAddressesTests
{
    [Theory]
    [InlineData("93.184.216.34", true)]
    [InlineData("2606:2800:220:1::1", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("198.18.0.2", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::1", false)]
    [InlineData("::", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("::ffff:93.184.216.34", true)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("fd00::1", false)]
    [InlineData("fe80::1", false)]
    public void Only_public_addresses_are_open(string address, bool isOpen) =>
        Assert.Equal(isOpen, WebhookAddresses.IsOpen(IPAddress.Parse(address), 443, []));

    [Theory]
    [InlineData("10.1.2.3", 443, true)]
    [InlineData("10.1.2.4", 443, false)]
    [InlineData("127.0.0.1", 8080, true)]
    [InlineData("127.0.0.1", 443, false)]
    [InlineData("::ffff:127.0.0.1", 8080, true)]
    public void An_operator_may_open_private_ones(string address, int port, bool isOpen) => Assert.Equal(
        isOpen, WebhookAddresses.IsOpen(IPAddress.Parse(address), port, EgressRule.ParseServerList("10.1.2.3/32 127.0.0.1:8080")!));

    [Fact]
    public void A_function_may_never_be_given_the_host() => Assert.Null(EgressRule.ParseList("127.0.0.1:8080"));
}
