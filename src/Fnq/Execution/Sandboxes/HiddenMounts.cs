using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>A mount namespace for OCI runtimes in which the v2 mount of a hybrid host is not there. Held by a descriptor only.</summary>
internal static class HiddenMounts
{
    internal static SafeFileHandle Create(string mountPoint)
    {
        SafeFileHandle? result = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                _ = Native.Check(Native.Unshare(Native.CloneNewNs), "unshare mounts");
                _ = Native.Check(Native.Mount(null, "/", null, Native.MountPrivate | Native.MountRecursive, null), "make mounts private");
                _ = Native.Check(Native.Unmount(mountPoint, Native.UnmountDetach), $"unmount {mountPoint}");
                result = Native.OpenHandle("/proc/thread-self/ns/mnt", Native.OpenReadOnly);
            }
            catch (SandboxException e)
            {
                failure = e;
            }
        })
        { IsBackground = true, Name = "fnq-mounts" };
        thread.Start();
        thread.Join();
        return result ?? throw new SandboxException("A private mount namespace could not be made.", failure);
    }
}
