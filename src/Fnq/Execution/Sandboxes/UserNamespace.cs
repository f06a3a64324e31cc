using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>
/// A user namespace that belongs to the first user of its slot. What the kernel counts per user (inotify instances,
/// timers, message queues, locked memory), it counts for the owner of the namespace too: namespaces that the OCI runtime
/// makes all belong to root, and one function could use up what all others, and root itself, may have.
/// </summary>
internal sealed class UserNamespace(SafeFileHandle handle) : IDisposable
{
    private const int StackBytes = 65_536;
    private const int CloneMemory = 0x100, CloneNewUser = 0x1000_0000;
    private const int WaitAll = 0x4000_0000, WaitExited = 4, KeepZombie = 0x0100_0000, ByPid = 1;
    private const int CallSetResUid = 117, Unchanged = -1;
    private const int SetDumpable = 4;

    /// <summary>As other processes of the host see it.</summary>
    internal string Path => $"/proc/{Environment.ProcessId}/fd/{handle.DangerousGetHandle()}";

    /// <summary>
    /// For a thread of its own, whose effective user is the owner for a moment: by the bare system call, since the one of
    /// the C library changes all threads. The child that makes the namespace runs <c>_exit</c> and nothing of .NET; its
    /// zombie keeps the namespace until the descriptor does.
    /// </summary>
    internal static unsafe UserNamespace Create(int firstHostId, int count)
    {
        var exit = NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "_exit");
        var stack = (byte*)NativeMemory.AlignedAlloc(StackBytes, 16);
        int child = -1, descriptor = -1, error = 0;
        try
        {
            ActAs(firstHostId);
            child = Native.Clone(exit, stack + StackBytes, CloneMemory | CloneNewUser, 0);
            error = child < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (child > 0 && WaitUntilEnded(child))
            {
                // Before the thread is root again: the owner may look into it without any capability.
                descriptor = Native.Open($"/proc/{child}/ns/user", Native.OpenReadOnly | Native.OpenCloseOnExec, 0);
                error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
            }
            ActAs(0);
            if (descriptor < 0)
            {
                throw Native.Failure("make a user namespace", error);
            }
            var made = new UserNamespace(new SafeFileHandle(descriptor, ownsHandle: true));
            foreach (var map in (string[])["uid_map", "gid_map"])
            {
                File.WriteAllText($"/proc/{child}/{map}", string.Create(CultureInfo.InvariantCulture, $"0 {firstHostId} {count}"));
            }
            return made;
        }
        finally
        {
            if (child > 0)
            {
                var status = 0;
                _ = Native.WaitFor(child, &status, WaitAll);
            }
            NativeMemory.AlignedFree(stack);
        }
    }

    public void Dispose() => handle.Dispose();

    /// <summary>A change of user hides a process from others; the OCI runtime has to find our descriptors all the time.</summary>
    private static void ActAs(int hostId)
    {
        var result = (int)Native.SystemCall(CallSetResUid, Unchanged, hostId, Unchanged);
        var error = Marshal.GetLastPInvokeError();
        _ = Native.ProcessControl(SetDumpable, 1, 0, 0, 0);
        if (result < 0)
        {
            throw Native.Failure("change the user of a thread", error);
        }
    }

    private static unsafe bool WaitUntilEnded(int child)
    {
        var told = stackalloc byte[128];
        int result;
        do
        {
            result = Native.WaitForState(ByPid, child, told, WaitExited | KeepZombie | WaitAll);
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == Native.ErrnoInterrupted);
        return result == 0;
    }
}
