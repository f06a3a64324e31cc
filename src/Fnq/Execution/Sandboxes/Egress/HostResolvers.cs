using System.Net;
using System.Net.Sockets;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>The resolvers of this host that a sandbox can reach, pure over the text of resolv.conf.</summary>
internal static class HostResolvers
{
    private const int Max = 3;

    /// <summary>Behind a stub on the host's loopback, such as systemd-resolved, the second file names the real ones.</summary>
    private static readonly string[] Files = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

    internal static IReadOnlyList<IPAddress> Read() =>
        Files.Where(File.Exists).Select(file => Of(File.ReadAllLines(file))).FirstOrDefault(found => found.Count > 0) ?? [];

    internal static IReadOnlyList<IPAddress> Of(IEnumerable<string> lines) =>
    [
        .. lines.Select(line => line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words is ["nameserver", _, ..])
            .Select(words => IPAddress.TryParse(words[1], out var address) ? address : null)
            .OfType<IPAddress>()
            .Where(address => address.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(address))
            .Take(Max),
    ];

    /// <summary>What a sandbox finds as its /etc/resolv.conf.</summary>
    internal static string FileFor(IReadOnlyList<IPAddress> resolvers) =>
        string.Concat(resolvers.Select(address => $"nameserver {address}\n")) + "options timeout:2 attempts:2\n";
}
