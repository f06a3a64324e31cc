using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>
/// A mount namespace for OCI runtimes, held by a descriptor only: nothing mounted in it outlives the worker. The v2
/// mount of a hybrid host is not there.
/// </summary>
internal static class RuntimeMounts
{
    internal static SafeFileHandle Create(string? hidden)
    {
        SafeFileHandle? result = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                _ = Native.Check(Native.Unshare(Native.CloneNewNs), "unshare mounts");
                _ = Native.Check(Native.Mount(null, "/", null, Native.MountPrivate | Native.MountRecursive, null), "make mounts private");
                if (hidden is not null)
                {
                    _ = Native.Check(Native.Unmount(hidden, Native.UnmountDetach), $"unmount {hidden}");
                }
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
