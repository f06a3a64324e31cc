using System.Net;
using System.Net.Sockets;
using Fnq.Dispatch;
using Fnq.Execution.Sandboxes.Egress;

namespace Fnq.Hosting;

/// <summary>The settings of what functions may reach.</summary>
internal static class EgressSettings
{
    /// <summary>From 254 addresses, fewer than a host has slots, to the whole of a private network.</summary>
    private const int ShortestPrefix = 8, LongestPrefix = 24;

    private static readonly char[] Separators = [' ', ','];

    public static EgressOptions Read(SettingsReader read)
    {
        var defaults = new EgressOptions();
        return new EgressOptions
        {
            Mode = read.OneOf("FNQ_EGRESS", EgressMode.Filtered, EgressMode.None),
            Allow = read.Parsed(
                "FNQ_EGRESS_ALLOW", defaults.Allow, EgressRule.ParseList,
                "IPv4 networks with an optional port, such as 10.1.2.0/24 or 10.1.2.3:5432, not of loopback, link-local or multicast"),
            Network = IPNetwork.Parse(read.Parsed(
                "FNQ_EGRESS_NETWORK", defaults.Network.ToString(), NetworkText,
                $"an IPv4 network of a prefix from /{ShortestPrefix} to /{LongestPrefix}, such as {defaults.Network}")),
            Resolvers = read.Parsed("FNQ_EGRESS_DNS", defaults.Resolvers, Addresses, "one to three IPv4 addresses"),
        };
    }

    /// <summary>By default this process's own address, where it has the api role.</summary>
    public static Uri? ApiUrl(SettingsReader read, FnqSettings settings)
    {
        var own = settings.Has(RoleTable.Api) && settings.Port != 0
            ? new UriBuilder(Uri.UriSchemeHttp, settings.Host is "0.0.0.0" or "*" ? "127.0.0.1" : settings.Host, settings.Port).Uri
            : null;
        return read.Optional("FNQ_API_URL") is null ? own : new Uri(read.Url("FNQ_API_URL", Uri.UriSchemeHttp) is { Length: > 0 } url ? url : "http://localhost");
    }

    private static string? NetworkText(string text) =>
        EgressRule.TryNetwork(text, out var network) && network.PrefixLength is >= ShortestPrefix and <= LongestPrefix ? network.ToString() : null;

    private static IReadOnlyList<IPAddress>? Addresses(string text)
    {
        var words = text.Split(Separators, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var found = words.Select(word => IPAddress.TryParse(word, out var address) ? address : null).OfType<IPAddress>()
            .Where(address => address.AddressFamily == AddressFamily.InterNetwork).ToList();
        return found.Count == words.Length && found.Count is >= 1 and <= 3 ? found : null;
    }
}
