using System.Net;
using Fnq.Dispatch;
using Fnq.Execution.Sandboxes.Egress;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class EgressTests
{
    [Fact]
    public void A_table_belongs_to_one_worker_and_holds_its_settings()
    {
        var options = new EgressOptions { Allow = EgressRule.ParseList("10.0.0.5:5432 10.9.0.0/16")! };
        var ruleset = new EgressRuleset("ab12cd3", options, [IPAddress.Parse("10.0.0.2")]).Write();

        Assert.Contains("delete table inet fnq_ab12cd3", ruleset, StringComparison.Ordinal);
        Assert.Contains("elements = { 10.0.0.5/32 . 5432, 10.9.0.0/16 . 0-65535 }", ruleset, StringComparison.Ordinal);
        Assert.Contains("type ipv4_addr; elements = { 10.0.0.2 }", ruleset, StringComparison.Ordinal);
        Assert.EndsWith("\nadd element inet fnq_ab12cd3 guarded { \"eth7\", \"eth8\" }\n", EgressRuleset.Guard("ab12cd3", ["eth7", "eth8"]), StringComparison.Ordinal);
        Assert.Equal("flush set inet fnq_ab12cd3 guarded\n", EgressRuleset.Guard("ab12cd3", []));
        Assert.DoesNotContain("\"fnq.", ruleset, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_lists_leave_no_empty_sets_behind() =>
        Assert.DoesNotContain("{  }", new EgressRuleset("ab12cd3", new(), []).Write(), StringComparison.Ordinal);

    [Fact]
    public void What_a_function_opens_is_bound_to_its_own_link() => Assert.Equal(
        "add element inet fnq_ab12cd3 allowed { 12 . 10.0.0.5/32 . 5432 }\nadd element inet fnq_ab12cd3 allowed { 12 . 10.9.0.0/16 . 0-65535 }\n",
        EgressRuleset.Allow("ab12cd3", 12, EgressRule.ParseList("10.0.0.5:5432 10.9.0.0/16")!));

    [Fact]
    public void Resolvers_on_the_hosts_loopback_are_of_no_use() => Assert.Equal(
        ["10.0.0.2", "1.1.1.1"],
        HostResolvers.Of(["# made by hand", "search lan", "nameserver 127.0.0.53", "nameserver\t10.0.0.2", "nameserver fe80::1%eth0", "nameserver 1.1.1.1"])
            .Select(address => address.ToString()));

    [Fact]
    public void Links_that_lead_out_are_those_with_a_route() => Assert.Equal(
        ["eth0", "wlan0"],
        HostForwarding.LinksOut(["Iface\tDestination", "eth0\t00000000", "eth0\t000200C0", "wlan0\t0000A8C0", "fnqab12cd3.5\t010012C6", "lo\t0000007F"]));

    [Fact]
    public void A_netlink_message_is_aligned_and_knows_its_length()
    {
        var message = new NetlinkMessage(stackalloc byte[128], NetlinkMessage.NewRoute, NetlinkMessage.Create);
        message.Body(new RouteBody(2, 32, 0, 0, 254, 4, 253, 1, 0));
        message.AddText(3, "abc12");
        message.AddAddress(1, 0xC6120001);

        Assert.Equal(
            "30000000" + "1800" + "0504" + "0000000000000000" + "02200000FE04FD0100000000" + "0A000300" + "616263313200" + "0000" + "08000100" + "C6120001",
            Convert.ToHexString(message.Finish()));
    }
}
