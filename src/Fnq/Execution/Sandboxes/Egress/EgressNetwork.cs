using System.Buffers.Binary;
using System.Net;
using Fnq.Dispatch;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>
/// The way out of a worker's sandboxes: a link for each, and one packet filter on the host's side for all, out of the
/// reach of anything inside.
/// </summary>
internal sealed partial class EgressNetwork : IAsyncDisposable
{
    internal const string InnerName = "eth0";

    /// <summary>A worker's resolv.conf in the state folder also says that its table is there.</summary>
    private const string FilePrefix = "resolv-", FileEnd = ".conf";

    /// <summary>Names of links end at 15 letters: the prefix, the tag, a dot and a number.</summary>
    private const int TagLength = 7, MaxNumber = 10_000;

    private readonly string _tag;
    private readonly EgressOptions _options;
    private readonly string _stateFolder;
    private readonly EgressFilter _filter;
    private readonly SafeFileHandle _socket;
    private readonly Netlink _host;
    private readonly HostForwarding _forwarding;
    private readonly uint _firstAddress;
    private readonly uint _addresses;
    private IReadOnlyList<string> _guarded = [];
    private uint _next;

    private EgressNetwork(string owner, EgressOptions options, Nft nft, string stateFolder)
    {
        (_tag, _options, _stateFolder) = (TagOf(owner), options, stateFolder);
        _filter = new EgressFilter(_tag, nft);
        _socket = Netlink.OpenHere();
        _host = new Netlink(_socket);
        _forwarding = new HostForwarding(stateFolder, _host);
        ResolverFile = ResolverFileOf(stateFolder, owner);
        _firstAddress = BinaryPrimitives.ReadUInt32BigEndian(options.Network.BaseAddress.GetAddressBytes());
        _addresses = 1u << (32 - options.Network.PrefixLength);
        // Workers of one host begin at different places and meet rarely.
        _next = uint.Parse(_tag, System.Globalization.NumberStyles.HexNumber, null);
    }

    /// <summary>To be mounted over a sandbox's /etc/resolv.conf.</summary>
    internal string ResolverFile { get; }

    /// <summary>Null when functions reach nothing, by choice or because this machine cannot filter.</summary>
    /// <param name="owner">The worker's name among those of this host.</param>
    internal static EgressNetwork? Start(string owner, EgressOptions options, string stateFolder, ILogger logger)
    {
        if (options.Mode == EgressMode.None)
        {
            return null;
        }

        EgressNetwork? network = null;
        try
        {
            var nft = Nft.Find() ?? throw new SandboxException("the program nft is not installed");
            network = new EgressNetwork(owner, options, nft, stateFolder);
            network.SetUp(logger);
            return network;
        }
        catch (Exception e) when (e is SandboxException or IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            LogNone(logger, e.Message);
            network?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            return null;
        }
    }

    /// <summary>Gives a namespace its link, closed.</summary>
    internal EgressLink Attach(NetworkNamespace inside)
    {
        var name = CreatePair(inside.Handle);
        var index = _host.IndexOf(name);
        try
        {
            _host.SilenceIpv6(index);
            _host.Forward(index, on: true, strict: true);
            _host.Raise(index);
            var netlink = new Netlink(inside.Routes);
            var inner = netlink.IndexOf(InnerName);
            netlink.SilenceIpv6(inner);
            netlink.AddAddress(inner, TakeAddress(index));
            return new EgressLink(inside, index, inner, _filter);
        }
        catch
        {
            _host.Delete(index);
            throw;
        }
    }

    /// <summary>What dead workers left: a table and a file each. Their links went with their sandboxes.</summary>
    /// <param name="owners">All that live or are not swept yet.</param>
    /// <param name="stateFolder">Of the host.</param>
    internal static async Task SweepAsync(IEnumerable<string> owners, string stateFolder)
    {
        foreach (var owner in OwnersOfFiles(stateFolder).Except(owners).ToList())
        {
            if (Nft.Find() is { } nft && IsTag(TagOf(owner)))
            {
                await new EgressFilter(TagOf(owner), nft).TryRemoveAsync();
            }

            File.Delete(ResolverFileOf(stateFolder, owner));
        }
    }

    /// <summary>Links that came up since: answers from there shall find their way too.</summary>
    internal async Task RefreshAsync()
    {
        var guarded = _forwarding.TurnOn();
        if (!guarded.ToHashSet().SetEquals(_guarded))
        {
            await _filter.GuardAsync(guarded);
            _guarded = guarded;
        }
    }

    public async ValueTask DisposeAsync()
    {
        File.Delete(ResolverFile);

        // The filter stands while anything is forwarded.
        if (!OwnersOfFiles(_stateFolder).Any())
        {
            _forwarding.PutBack();
        }

        await _filter.TryRemoveAsync();
        _socket.Dispose();
    }

    private void SetUp(ILogger logger)
    {
        var resolvers = _options.Resolvers.Count > 0 ? _options.Resolvers : HostResolvers.Read();
        if (resolvers.Count == 0)
        {
            LogNoResolver(logger);
        }

        File.WriteAllText(ResolverFile, HostResolvers.FileFor(resolvers));

        // The filter stands before anything is forwarded.
        _filter.InstallAsync(_options, resolvers).GetAwaiter().GetResult();
        RefreshAsync().GetAwaiter().GetResult();
        TryOut();
        LogFiltered(logger, _options.Network, _guarded.Count);
    }

    /// <summary>A link that can be made here can be made for sandboxes.</summary>
    private void TryOut()
    {
        using var here = Native.OpenHandle("/proc/self/ns/net", Native.OpenReadOnly);
        var name = $"{EgressRuleset.LinkPrefix}{_tag}.t";
        if (!_host.TryCreatePair(name, $"{EgressRuleset.LinkPrefix}{_tag}.u", here))
        {
            throw new SandboxException($"a link {name} exists already");
        }

        _host.Delete(_host.IndexOf(name));
    }

    private string CreatePair(SafeFileHandle inside)
    {
        for (var tries = 0; tries < MaxNumber; tries++)
        {
            var name = $"{EgressRuleset.LinkPrefix}{_tag}.{Interlocked.Increment(ref _next) % MaxNumber}";
            if (_host.TryCreatePair(name, InnerName, inside))
            {
                return name;
            }
        }

        throw new SandboxException("all names of links are taken");
    }

    /// <summary>The first address from here on that no other link of this host has, whoever made it.</summary>
    private uint TakeAddress(int index)
    {
        for (var tries = 0u; tries < _addresses; tries++)
        {
            var address = _firstAddress + (Interlocked.Increment(ref _next) % _addresses);
            if (address != _firstAddress && address != _firstAddress + _addresses - 1 && _host.TryAddRoute(index, address))
            {
                return address;
            }
        }

        throw new SandboxException($"all addresses of {_options.Network} are taken");
    }

    private static string TagOf(string owner) => owner[(owner.LastIndexOf('-') + 1)..] is { Length: > TagLength } name ? name[..TagLength] : owner;

    private static bool IsTag(string tag) => tag.Length == TagLength && tag.All(char.IsAsciiHexDigitLower);

    private static string ResolverFileOf(string stateFolder, string owner) => Path.Join(stateFolder, $"{FilePrefix}{owner}{FileEnd}");

    private static IEnumerable<string> OwnersOfFiles(string stateFolder) => Directory.EnumerateFiles(stateFolder, $"{FilePrefix}*{FileEnd}")
        .Select(path => Path.GetFileName(path)[FilePrefix.Length..^FileEnd.Length]);

    [LoggerMessage(EventId = 3160, Level = LogLevel.Warning,
        Message = "NO EGRESS: functions reach nothing but their own loopback and Fnq's API, because egress cannot be filtered here: {Reason}")]
    private static partial void LogNone(ILogger logger, string reason);

    [LoggerMessage(EventId = 3161, Level = LogLevel.Information,
        Message = "Egress of functions is filtered. They have addresses of {Network}; {Links} links of this host forward for them alone")]
    private static partial void LogFiltered(ILogger logger, IPNetwork network, int links);

    [LoggerMessage(EventId = 3162, Level = LogLevel.Warning,
        Message = "Functions have no resolver: this host's answers only on its own loopback. FNQ_EGRESS_DNS names one")]
    private static partial void LogNoResolver(ILogger logger);
}
