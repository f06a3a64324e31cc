using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>
/// A network namespace with nothing but loopback, and the Runtime API listener bound inside it. Nothing is mounted:
/// the namespace lives by the descriptor, so a dead worker leaves none behind.
/// </summary>
internal sealed class NetworkNamespace(SafeFileHandle handle, Socket listener) : IDisposable
{
    internal const int RuntimeApiPort = 9001;
    private const int Backlog = 128;

    internal Socket Listener => listener;

    /// <summary>As other processes of the host see it.</summary>
    internal string Path => $"/proc/{Environment.ProcessId}/fd/{handle.DangerousGetHandle()}";

    /// <summary>
    /// For a thread of its own. Only plain system calls happen inside: a thread that .NET starts meanwhile, for
    /// the pool or for sockets, would inherit the namespace.
    /// </summary>
    internal static unsafe NetworkNamespace Create(SafeFileHandle hostNetwork)
    {
        int namespaceFd = -1, listenerFd = -1, error = 0;
        var host = (int)hostNetwork.DangerousGetHandle();
        var loopback = new Native.InterfaceRequest();
        loopback.Name[0] = (byte)'l';
        loopback.Name[1] = (byte)'o';
        // sockaddr_in: family, port in network order, 127.0.0.1.
        var address = stackalloc byte[16] { Native.AfInet, 0, RuntimeApiPort >> 8, RuntimeApiPort & 0xff, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
        _ = Native.Check(Native.Unshare(Native.CloneNewNet), "unshare network");
        namespaceFd = Native.Open("/proc/thread-self/ns/net", Native.OpenReadOnly | Native.OpenCloseOnExec, 0);
        listenerFd = Native.OpenSocket(Native.AfInet, Native.SockStream | Native.SockCloseOnExec, 0);
        if (namespaceFd < 0 || listenerFd < 0
            || Native.InterfaceControl(listenerFd, Native.GetInterfaceFlags, &loopback) < 0
            || Native.InterfaceControl(listenerFd, Native.SetInterfaceFlags, Raise(&loopback)) < 0
            || Native.Bind(listenerFd, address, 16) < 0
            || Native.Listen(listenerFd, Backlog) < 0)
        {
            error = Marshal.GetLastPInvokeError();
        }
        var returned = Native.SetNamespace(host, Native.CloneNewNet);
        if (error != 0 || returned < 0)
        {
            error = error != 0 ? error : Marshal.GetLastPInvokeError();
            CloseIfOpen(namespaceFd);
            CloseIfOpen(listenerFd);
            throw Native.Failure("make a network namespace", error);
        }
        return new NetworkNamespace(
            new SafeFileHandle(namespaceFd, ownsHandle: true),
            new Socket(new SafeSocketHandle(listenerFd, ownsHandle: true)));
    }

    public void Dispose()
    {
        listener.Dispose();
        handle.Dispose();
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
