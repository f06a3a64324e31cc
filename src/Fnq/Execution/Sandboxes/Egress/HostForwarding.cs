using System.Globalization;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>
/// Forwarding on the links that lead out of this host, so that answers find their way back into sandboxes. Link by link,
/// not for the whole host, and remembered where it was off before: such a link is guarded, and is put back by the last
/// worker that ends.
/// </summary>
internal sealed class HostForwarding(string stateFolder, Netlink host)
{
    private const string Routes = "/proc/net/route", WholeHost = "/proc/sys/net/ipv4/ip_forward";
    private readonly string _folder = Path.Join(stateFolder, "forwarding");

    /// <summary>Turns it on. Returns the links that forward for Fnq alone.</summary>
    internal IReadOnlyList<string> TurnOn()
    {
        if (IsRouter)
        {
            Forget();
            return [];
        }

        Directory.CreateDirectory(_folder);
        foreach (var link in LinksOut(File.ReadLines(Routes)))
        {
            if (!IsOn(link))
            {
                File.WriteAllBytes(Path.Join(_folder, link), []);
                host.Forward(host.IndexOf(link), on: true, strict: false);
            }
        }

        return Remembered();
    }

    internal void PutBack()
    {
        foreach (var link in IsRouter ? [] : Remembered())
        {
            host.Forward(host.IndexOf(link), on: false, strict: false);
        }

        Forget();
    }

    /// <summary>Somebody has made a router of the whole host, such as Docker: it is no longer ours to guard or to put back.</summary>
    private static bool IsRouter => File.ReadAllText(WholeHost).Trim() != "0";

    /// <summary>Links with a route of the IPv4 table, without loopback and those of sandboxes.</summary>
    internal static IReadOnlyList<string> LinksOut(IEnumerable<string> table) =>
    [
        .. table.Skip(1).Select(line => line.Split('\t')[0].Trim())
            .Where(link => link.Length > 0 && link != "lo" && !link.StartsWith(EgressRuleset.LinkPrefix, StringComparison.Ordinal))
            .Distinct(),
    ];

    /// <summary>Those that still exist; a link that has gone took its setting with it.</summary>
    private IReadOnlyList<string> Remembered() => [.. Noted().Where(link => Directory.Exists(SettingsOf(link)))];

    private IReadOnlyList<string> Noted() =>
        Directory.Exists(_folder) ? [.. Directory.EnumerateFiles(_folder).Select(file => Path.GetFileName(file))] : [];

    private void Forget()
    {
        foreach (var link in Noted())
        {
            File.Delete(Path.Join(_folder, link));
        }
    }

    private static bool IsOn(string link) =>
        int.Parse(File.ReadAllText(Path.Join(SettingsOf(link), "forwarding")), CultureInfo.InvariantCulture) != 0;

    private static string SettingsOf(string link) => $"/proc/sys/net/ipv4/conf/{link}";
}
