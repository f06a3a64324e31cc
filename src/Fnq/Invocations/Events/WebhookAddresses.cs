using System.Net;
using System.Net.Sockets;
using Fnq.Dispatch;

namespace Fnq.Invocations.Events;

/// <summary>Which addresses the server connects to on a user's word, pure: public ones, and those that the operator has opened.</summary>
internal static class WebhookAddresses
{
    private static readonly IPNetwork[] Closed =
    [
        .. ((string[])
        [
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "224.0.0.0/3",
        ]).Select(text => IPNetwork.Parse(text)),
    ];

    private static readonly IPNetwork PublicIPv6 = IPNetwork.Parse("2000::/3");

    /// <summary>Ranges of IPv6 in which an IPv4 address is hidden.</summary>
    private static readonly IPNetwork[] Tunnels = [IPNetwork.Parse("2002::/16"), IPNetwork.Parse("2001::/32")];

    public static bool IsOpen(IPAddress address, int port, IReadOnlyList<EgressRule> allowed)
    {
        var bare = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        if (bare.AddressFamily == AddressFamily.InterNetwork)
        {
            return !Closed.Any(network => network.Contains(bare))
                || allowed.Any(rule => rule.Network.Contains(bare) && (rule.Port is null || rule.Port == port));
        }

        return PublicIPv6.Contains(bare) && !Tunnels.Any(network => network.Contains(bare));
    }
}
