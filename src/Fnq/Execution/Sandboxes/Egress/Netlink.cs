using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>
/// Links, addresses and routes of the network namespace in which its socket was made. The kernel has done what was asked
/// when a call returns.
/// </summary>
internal sealed partial class Netlink(SafeFileHandle socket)
{
    internal const int ErrnoExists = 17;
    private const byte Inet = 2, Inet6 = 10;
    private const uint Up = 1, NoArp = 0x80;
    private const ushort IflaAddress = 1, IflaName = 3, IflaLinkInfo = 18, IflaAfSpec = 26, IflaNamespaceFd = 28;
    private const ushort InfoKind = 1, InfoData = 2, VethPeer = 1, InetConf = 1, Inet6AddressMode = 8, NoAddresses = 1;
    private const ushort ConfForwarding = 1, ConfReversePath = 8;
    private const ushort IfaAddress = 1, IfaLocal = 2, RtaDestination = 1, RtaLink = 4;
    private const byte MainTable = 254, StaticProtocol = 4, LinkScope = 253, Unicast = 1;
    private const nuint GetInterfaceIndex = 0x8933;
    private const int MessageBytes = 512;
    private static readonly byte[] HardwareAddress = [2, 0, 0, 0, 0, 1];
    private readonly Lock _gate = new();

    internal static SafeFileHandle OpenHere() => new(
        Native.Check(Native.OpenSocket(Native.AfNetlink, Native.SockRaw | Native.SockCloseOnExec, 0), "open netlink"), ownsHandle: true);

    /// <summary>
    /// A pair of which the far end lies in another namespace. Both ends have one hardware address and ask nobody for it:
    /// what an end sends has its own address as the destination, which is the other's. False when the name is taken.
    /// </summary>
    internal bool TryCreatePair(string name, string peer, SafeFileHandle peerNamespace)
    {
        var message = new NetlinkMessage(stackalloc byte[MessageBytes], NetlinkMessage.NewLink, NetlinkMessage.Create | NetlinkMessage.Exclusive);
        message.Body(new LinkBody(0, 0, 0, 0, NoArp, NoArp));
        message.AddText(IflaName, name);
        message.Add(IflaAddress, HardwareAddress);
        var info = message.BeginNested(IflaLinkInfo);
        message.Add(InfoKind, "veth"u8);
        var data = message.BeginNested(InfoData);
        var far = message.BeginNested(VethPeer);
        message.Body(new LinkBody(0, 0, 0, 0, NoArp, NoArp));
        message.AddText(IflaName, peer);
        message.Add(IflaAddress, HardwareAddress);
        message.Add(IflaNamespaceFd, (int)peerNamespace.DangerousGetHandle());
        message.EndNested(far);
        message.EndNested(data);
        message.EndNested(info);
        return TryAsk(message, $"make the link {name}");
    }

    internal unsafe int IndexOf(string name)
    {
        var request = new Native.InterfaceRequest();
        var bytes = Encoding.ASCII.GetBytes(name);
        bytes.CopyTo(new Span<byte>(request.Name, 15));
        _ = Native.Check(Native.InterfaceControl(Descriptor, GetInterfaceIndex, &request), $"find the link {name}");
        return *(int*)&request.Flags;
    }

    internal void Raise(int index)
    {
        var message = new NetlinkMessage(stackalloc byte[MessageBytes], NetlinkMessage.SetLink);
        message.Body(new LinkBody(0, 0, 0, index, Up, Up));
        Ask(message, "raise a link");
    }

    /// <summary>Forwards what comes in here, and takes only what could be answered through here.</summary>
    internal void Forward(int index, bool on, bool strict)
    {
        var message = new NetlinkMessage(stackalloc byte[MessageBytes], NetlinkMessage.SetLink);
        message.Body(new LinkBody(0, 0, 0, index, 0, 0));
        var families = message.BeginNested(IflaAfSpec);
        var inet = message.BeginNested(Inet);
        var settings = message.BeginNested(InetConf);
        message.Add(ConfForwarding, on ? 1 : 0);
        if (strict)
        {
            message.Add(ConfReversePath, 1);
        }

        message.EndNested(settings);
        message.EndNested(inet);
        message.EndNested(families);
        Ask(message, "set forwarding");
    }

    /// <summary>No address of its own accord. Where there is no IPv6 at all there is nothing to do.</summary>
    internal void SilenceIpv6(int index)
    {
        var message = new NetlinkMessage(stackalloc byte[MessageBytes], NetlinkMessage.SetLink);
        message.Body(new LinkBody(0, 0, 0, index, 0, 0));
        var families = message.BeginNested(IflaAfSpec);
        var inet6 = message.BeginNested(Inet6);
        message.Add(Inet6AddressMode, [(byte)NoAddresses]);
        message.EndNested(inet6);
        message.EndNested(families);
        _ = Exchange(message.Finish());
    }

    internal void AddAddress(int index, uint address)
    {
        var message = new NetlinkMessage(stackalloc byte[MessageBytes], NetlinkMessage.NewAddress, NetlinkMessage.Create | NetlinkMessage.Exclusive);
        message.Body(new AddressBody(Inet, 32, 0, 0, index));
        message.AddAddress(IfaLocal, address);
        message.AddAddress(IfaAddress, address);
        Ask(message, "give a link its address");
    }

    internal void AddDefaultRoute(int index) => Ask(Route(stackalloc byte[MessageBytes], index, destination: null), "add a default route");

    /// <summary>False when another link has the address: the kernel is who gives them out.</summary>
    internal bool TryAddRoute(int index, uint destination) =>
        TryAsk(Route(stackalloc byte[MessageBytes], index, destination), "add a route");

    internal void Delete(int index)
    {
        var message = new NetlinkMessage(stackalloc byte[MessageBytes], NetlinkMessage.DeleteLink);
        message.Body(new LinkBody(0, 0, 0, index, 0, 0));
        Ask(message, "delete a link");
    }

    private static NetlinkMessage Route(Span<byte> buffer, int index, uint? destination)
    {
        var message = new NetlinkMessage(buffer, NetlinkMessage.NewRoute, NetlinkMessage.Create | NetlinkMessage.Exclusive);
        message.Body(new RouteBody(Inet, destination is null ? (byte)0 : (byte)32, 0, 0, MainTable, StaticProtocol, LinkScope, Unicast, 0));
        if (destination is { } address)
        {
            message.AddAddress(RtaDestination, address);
        }

        message.Add(RtaLink, index);
        return message;
    }

    private int Descriptor => (int)socket.DangerousGetHandle();

    private void Ask(in NetlinkMessage message, string what)
    {
        if (Exchange(message.Finish()) is not 0 and var errno)
        {
            throw Native.Failure(what, errno);
        }
    }

    private bool TryAsk(in NetlinkMessage message, string what) => Exchange(message.Finish()) switch
    {
        0 => true,
        ErrnoExists => false,
        var errno => throw Native.Failure(what, errno),
    };

    /// <summary>The error number of the kernel's acknowledgement, 0 for success.</summary>
    private unsafe int Exchange(Span<byte> message)
    {
        const int errorOffset = 16;
        var answer = stackalloc byte[MessageBytes * 2];
        lock (_gate)
        {
            fixed (byte* bytes = message)
            {
                if (Send(Descriptor, bytes, (nuint)message.Length, 0) < 0 || Receive(Descriptor, answer, MessageBytes * 2, 0) < errorOffset + sizeof(int))
                {
                    return Marshal.GetLastPInvokeError();
                }
            }
        }

        return -*(int*)(answer + errorOffset);
    }

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static unsafe partial nint Send(int fd, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static unsafe partial nint Receive(int fd, byte* buffer, nuint length, int flags);
}
