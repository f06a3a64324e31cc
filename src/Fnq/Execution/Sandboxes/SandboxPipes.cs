using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>The descriptors between worker and sandbox, made before the OCI runtime starts and halved after it.</summary>
internal sealed class SandboxPipes : IDisposable
{
    private const int PipeBytes = 256 * 1024;

    internal unsafe SandboxPipes(uint functionHostUid)
    {
        var ends = stackalloc int[2];
        _ = Native.Check(Native.Pipe(ends, Native.OpenCloseOnExec), "make the output pipe");
        Output = new SafeFileHandle(ends[0], ownsHandle: true);
        OutputWriter = new SafeFileHandle(ends[1], ownsHandle: true);
        // Larger pipes are a courtesy of the host: refused above its per-user limit, and the default works too.
        _ = Native.Fcntl(ends[1], Native.SetPipeSize, PipeBytes);
        var flags = Native.Fcntl(ends[0], Native.GetStatusFlags, 0);
        _ = Native.Check(Native.Fcntl(ends[0], Native.SetStatusFlags, flags | Native.OpenNonBlocking), "make the output pipe non-blocking");
        // So that a function can open /dev/stderr, which opens the pipe anew.
        _ = Native.Check(Native.ChangeOwner(ends[1], functionHostUid, functionHostUid), "give the output pipe to the function");
        // Standard input is a pipe at its end and not /dev/null: OCI runtimes give what they find there to the
        // function's user, and on /dev/null crun does that to the host's own device.
        _ = Native.Check(Native.Pipe(ends, Native.OpenCloseOnExec), "make the input pipe");
        Input = new SafeFileHandle(ends[0], ownsHandle: true);
        _ = Native.Close(ends[1]);
        _ = Native.Check(Native.SocketPair(Native.AfUnix, Native.SockStream | Native.SockCloseOnExec, 0, ends), "make the control channel");
        Control = new Socket(new SafeSocketHandle(ends[0], ownsHandle: true));
        ControlPeer = new SafeFileHandle(ends[1], ownsHandle: true);
    }

    internal SafeFileHandle Output { get; }

    internal SafeFileHandle OutputWriter { get; }

    internal SafeFileHandle Input { get; }

    internal Socket Control { get; }

    internal SafeFileHandle ControlPeer { get; }

    /// <summary>What belongs to the sandbox alone from now on: its end is seen only when no copy is left here.</summary>
    internal void CloseFarEnds()
    {
        OutputWriter.Dispose();
        Input.Dispose();
        ControlPeer.Dispose();
    }

    public void Dispose()
    {
        CloseFarEnds();
        Output.Dispose();
        Control.Dispose();
    }
}
