using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>
/// One sandbox's /tmp on a loop device. It is mounted only where OCI runtimes look, only while one makes the sandbox;
/// after that the sandbox has the one mount there is.
/// </summary>
internal sealed class TmpVolume(LoopDevice device, string target) : IDisposable
{
    /// <summary>A function's fsync need not reach the disk, and the kernel need not write inode tables nobody asks for.</summary>
    private const string Options = "nobarrier,noinit_itable";
    private const uint OpenToAll = 0x3ff; // 1777
    private const uint WithoutFlush = 2;
    private SafeFileHandle? _root;

    /// <summary>Major and minor number of its device.</summary>
    internal string Device => device.Number;

    internal MountStep Mount => new(
        device.Path, target, "ext4", Native.MountNoSetuid | Native.MountNoDevices | Native.MountNoAccessTimes, Options);

    /// <summary>In the mount namespace where it has been mounted. The mount keeps the device from now on.</summary>
    internal void Open(uint owner)
    {
        _root = Native.OpenHandle(target, Native.OpenReadOnly | Native.OpenFolder);
        var root = (int)_root.DangerousGetHandle();
        _ = Native.Check(Native.ChangeMode(root, OpenToAll), "open /tmp to all");
        _ = Native.Check(Native.ChangeOwner(root, owner, owner), "give /tmp to the sandbox");
        _ = Native.Check(Native.Remove(root, "lost+found", Native.AtRemoveFolder), "empty /tmp");
        device.Dispose();
    }

    /// <summary>What is not written yet never will be: without this the end of a sandbox waits for the disk to take it.</summary>
    internal unsafe void Discard()
    {
        if (_root is not null)
        {
            var how = WithoutFlush;
            _ = Native.Control((int)_root.DangerousGetHandle(), Native.ShutDownFileSystem, &how);
        }
    }

    public void Dispose()
    {
        _root?.Dispose();
        device.Dispose();
    }
}
