using System.Net;
using Fnq.Dispatch;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>
/// The packet filter of one worker as nftables' own language, pure. A table for each worker: none removes what another
/// uses, and a dead one's goes as a whole. All of a worker's links begin with the same letters.
/// </summary>
/// <param name="tag">Of the worker: names its table and begins its links' names.</param>
internal sealed class EgressRuleset(string tag, EgressOptions options, IReadOnlyList<IPAddress> resolvers)
{
    /// <summary>Begins every link of every worker.</summary>
    internal const string LinkPrefix = "fnq";

    /// <summary>Connections that one sandbox may have at a time, as the kernel tracks them.</summary>
    internal const int MaxConnections = 1_000;

    /// <summary>
    /// This host, loopback, link-local with the clouds' metadata, multicast, reserved, broadcast. Nothing opens them, but
    /// a resolver may be one (in some clouds it is link-local) and answers on its port.
    /// </summary>
    private const string Never = "0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3";

    /// <summary>Private and shared addresses: closed unless an allow list names them.</summary>
    private const string Closed = "10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16";

    internal static string TableOf(string tag) => $"fnq_{tag}";

    internal string Links => $"\"{LinkPrefix}{tag}.*\"";

    internal static string Delete(string tag) => $"delete table inet {TableOf(tag)}\n";

    /// <summary>Replaces what a table of this name held.</summary>
    internal string Write() => $$"""
        table inet {{TableOf(tag)}} {
        }
        delete table inet {{TableOf(tag)}}
        table inet {{TableOf(tag)}} {
          counter dropped {
          }
          set never {
            type ipv4_addr; flags interval; auto-merge; elements = { {{Never}}, {{options.Network}} }
          }
          set closed {
            type ipv4_addr; flags interval; elements = { {{Closed}} }
          }
          set resolvers {
            type ipv4_addr; {{Elements(resolvers.Select(address => address.ToString()))}}
          }
          set services {
            type ipv4_addr . inet_service; flags interval; {{Elements(options.Allow.Select(Element))}}
          }
          set allowed {
            type iface_index . ipv4_addr . inet_service; flags interval;
          }
          set connections {
            type ipv4_addr; flags dynamic; size 65536;
          }
          set guarded {
            type ifname;
          }
          chain refuse {
            counter name dropped drop
          }
          chain from_sandbox {
            meta nfproto != ipv4 goto refuse
            ip saddr != {{options.Network}} goto refuse
            ct state new add @connections { ip saddr ct count over {{MaxConnections}} } goto refuse
            meta l4proto { tcp, udp } ip daddr @resolvers th dport 53 accept
            ip daddr @never goto refuse
            ct state established,related accept
            ct state != new goto refuse
            meta l4proto { tcp, udp } ip daddr . th dport @services accept
          }
          chain input {
            type filter hook input priority -10; policy accept;
            iifname {{Links}} jump from_sandbox
            iifname {{Links}} goto refuse
          }
          chain forward {
            type filter hook forward priority -10; policy accept;
            oifname {{Links}} ct state established,related accept
            oifname {{Links}} goto refuse
            iifname {{Links}} jump from_sandbox
            iifname {{Links}} meta l4proto { tcp, udp } meta iif . ip daddr . th dport @allowed accept
            iifname {{Links}} meta l4proto { tcp, udp } th dport { 53, 853 } goto refuse
            iifname {{Links}} ip daddr @closed goto refuse
            iifname {{Links}} meta l4proto { tcp, udp, icmp } accept
            iifname {{Links}} goto refuse
            iifname @guarded ct state new ct status ! dnat goto refuse
          }
          chain postrouting {
            type nat hook postrouting priority 100; policy accept;
            ip saddr {{options.Network}} oifname != "{{LinkPrefix}}*" masquerade
          }
        }

        """;

    /// <summary>Links that forward for Fnq alone: nobody else's traffic passes through this host because of us.</summary>
    internal static string Guard(string tag, IReadOnlyList<string> links) =>
        $"flush set inet {TableOf(tag)} guarded\n"
        + (links.Count == 0 ? "" : $"add element inet {TableOf(tag)} guarded {{ {string.Join(", ", links.Select(name => $"\"{name}\""))} }}\n");

    /// <summary>Opens what one function may reach beside the rest. By the link's number, which the kernel gives to no other later.</summary>
    internal static string Allow(string tag, int link, IReadOnlyList<EgressRule> rules) => Change("add", tag, link, rules);

    internal static string Forbid(string tag, int link, IReadOnlyList<EgressRule> rules) => Change("delete", tag, link, rules);

    private static string Change(string verb, string tag, int link, IReadOnlyList<EgressRule> rules) =>
        string.Concat(rules.Select(rule => $"{verb} element inet {TableOf(tag)} allowed {{ {link} . {Element(rule)} }}\n"));

    private static string Element(EgressRule rule) =>
        rule.Port is { } port ? $"{rule.Network} . {port}" : $"{rule.Network} . 0-65535";

    private static string Elements(IEnumerable<string> values) =>
        string.Join(", ", values) is { Length: > 0 } list ? $"elements = {{ {list} }}" : "";
}
