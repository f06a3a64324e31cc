using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>
/// A network namespace with nothing but loopback, and the listeners of the Runtime API and of Fnq's API bound inside it.
/// Nothing is mounted: the namespace lives by the descriptor, so a dead worker leaves none behind.
/// </summary>
/// <param name="routes">Netlink inside it: whoever holds this can set up links and routes there from any thread.</param>
internal sealed class NetworkNamespace(SafeFileHandle handle, Socket listener, Socket apiListener, SafeFileHandle routes) : IDisposable
{
    internal const int RuntimeApiPort = 9001, ApiPort = 9002;
    private const int Backlog = 128;

    internal Socket Listener => listener;

    internal Socket ApiListener => apiListener;

    internal SafeFileHandle Handle => handle;

    internal SafeFileHandle Routes => routes;

    /// <summary>As other processes of the host see it.</summary>
    internal string Path => $"/proc/{Environment.ProcessId}/fd/{handle.DangerousGetHandle()}";

    /// <summary>
    /// For a thread of its own. Only plain system calls happen inside: a thread that .NET starts meanwhile, for
    /// the pool or for sockets, would inherit the namespace.
    /// </summary>
    internal static unsafe NetworkNamespace Create(SafeFileHandle hostNetwork)
    {
        int namespaceFd = -1, runtimeApi = -1, api = -1, routes = -1, error = 0;
        var host = (int)hostNetwork.DangerousGetHandle();
        var loopback = new Native.InterfaceRequest();
        loopback.Name[0] = (byte)'l';
        loopback.Name[1] = (byte)'o';
        _ = Native.Check(Native.Unshare(Native.CloneNewNet), "unshare network");
        namespaceFd = Native.Open("/proc/thread-self/ns/net", Native.OpenReadOnly | Native.OpenCloseOnExec, 0);
        runtimeApi = Native.OpenSocket(Native.AfInet, Native.SockStream | Native.SockCloseOnExec, 0);
        api = Native.OpenSocket(Native.AfInet, Native.SockStream | Native.SockCloseOnExec, 0);
        routes = Native.OpenSocket(Native.AfNetlink, Native.SockRaw | Native.SockCloseOnExec, 0);
        if (namespaceFd < 0 || runtimeApi < 0 || api < 0 || routes < 0
            || Native.InterfaceControl(runtimeApi, Native.GetInterfaceFlags, &loopback) < 0
            || Native.InterfaceControl(runtimeApi, Native.SetInterfaceFlags, Raise(&loopback)) < 0
            || ListenOn(runtimeApi, RuntimeApiPort) < 0
            || ListenOn(api, ApiPort) < 0)
        {
            error = Marshal.GetLastPInvokeError();
        }
        var returned = Native.SetNamespace(host, Native.CloneNewNet);
        if (error != 0 || returned < 0)
        {
            error = error != 0 ? error : Marshal.GetLastPInvokeError();
            CloseIfOpen(namespaceFd);
            CloseIfOpen(runtimeApi);
            CloseIfOpen(api);
            CloseIfOpen(routes);
            throw Native.Failure("make a network namespace", error);
        }
        return new NetworkNamespace(
            new SafeFileHandle(namespaceFd, ownsHandle: true),
            new Socket(new SafeSocketHandle(runtimeApi, ownsHandle: true)),
            new Socket(new SafeSocketHandle(api, ownsHandle: true)),
            new SafeFileHandle(routes, ownsHandle: true));
    }

    public void Dispose()
    {
        listener.Dispose();
        apiListener.Dispose();
        routes.Dispose();
        handle.Dispose();
    }

    private static unsafe int ListenOn(int socket, int port)
    {
        // sockaddr_in: family, port in network order, 127.0.0.1.
        var address = stackalloc byte[16] { Native.AfInet, 0, (byte)(port >> 8), (byte)port, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
        return Native.Bind(socket, address, 16) < 0 ? -1 : Native.Listen(socket, Backlog);
    }

    private static unsafe Native.InterfaceRequest* Raise(Native.InterfaceRequest* request)
    {
        request->Flags |= Native.InterfaceUp;
        return request;
    }

    private static void CloseIfOpen(int fd)
    {
        if (fd >= 0)
        {
            _ = Native.Close(fd);
        }
    }
}
