using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Fnq.Dispatch;

/// <summary>What a function may reach beyond its own loopback.</summary>
public static class EgressMode
{
    public const string None = "none";

    /// <summary>Public addresses, and what an allow list names.</summary>
    public const string Filtered = "filtered";

    public static readonly IReadOnlyList<string> All = [Filtered, None];
}

/// <summary>An entry of an allow list: <c>CIDR[:port]</c>, IPv4; a bare address is itself.</summary>
/// <param name="Port">Null is every port.</param>
public readonly record struct EgressRule(IPNetwork Network, int? Port)
{
    /// <summary>This host, loopback, link-local (cloud metadata), multicast and reserved: nobody can open these.</summary>
    private static readonly IPNetwork[] Never =
        [IPNetwork.Parse("0.0.0.0/8"), IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("224.0.0.0/3")];

    private static readonly char[] Separators = [' ', ','];

    /// <summary>Empty for an empty list; null when any entry is malformed or names what nobody can open.</summary>
    public static IReadOnlyList<EgressRule>? ParseList(string text) => ParseList(text, rule => !rule.IsNever);

    /// <summary>Of the server's own connections, which may go to its own host.</summary>
    public static IReadOnlyList<EgressRule>? ParseServerList(string text) => ParseList(text, _ => true);

    public static bool TryParse(string text, [NotNullWhen(true)] out EgressRule? rule)
    {
        rule = Parse(text);
        rule = rule is { IsNever: true } ? null : rule;
        return rule is not null;
    }

    private bool IsNever
    {
        get
        {
            var network = Network;
            return Never.Any(closed => Overlap(closed, network));
        }
    }

    private static List<EgressRule>? ParseList(string text, Func<EgressRule, bool> isAllowed)
    {
        var rules = new List<EgressRule>();
        foreach (var entry in text.Split(Separators, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (Parse(entry) is not { } rule || !isAllowed(rule))
            {
                return null;
            }

            rules.Add(rule);
        }

        return rules;
    }

    private static EgressRule? Parse(string text)
    {
        var colon = text.IndexOf(':');
        var port = 0;
        if (colon >= 0 && (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is < 1 or > 65_535))
        {
            return null;
        }

        return TryNetwork(colon < 0 ? text : text[..colon], out var network) ? new EgressRule(network, colon < 0 ? null : port) : null;
    }

    /// <summary>Dotted, four parts: the short and numeric forms that <see cref="IPAddress"/> takes too are somebody's mistake here.</summary>
    public static bool TryNetwork(string text, out IPNetwork network)
    {
        var cidr = text.Contains('/') ? text : $"{text}/32";
        return IPNetwork.TryParse(cidr, out network)
            && network.BaseAddress.AddressFamily == AddressFamily.InterNetwork
            && network.ToString() == cidr;
    }

    public override string ToString() => Port is { } port ? $"{Network}:{port}" : Network.ToString();

    private static bool Overlap(IPNetwork a, IPNetwork b) => a.Contains(b.BaseAddress) || b.Contains(a.BaseAddress);
}
