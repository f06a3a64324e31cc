using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>
/// A mount namespace for OCI runtimes, held by a descriptor only: nothing mounted in it outlives the worker. The v2
/// mount of a hybrid host is not there.
/// </summary>
internal sealed class RuntimeMounts : IDisposable
{
    private readonly SafeFileHandle _host = Native.OpenHandle("/proc/self/ns/mnt", Native.OpenReadOnly);
    private readonly SafeFileHandle _own;

    internal RuntimeMounts(string? hidden)
    {
        SafeFileHandle? own = null;
        RunAsync("fnq-mounts", () =>
        {
            _ = Native.Check(Native.Unshare(Native.CloneNewNs), "unshare mounts");
            _ = Native.Check(Native.Mount(null, "/", null, Native.MountPrivate | Native.MountRecursive, null), "make mounts private");
            if (hidden is not null)
            {
                _ = Native.Check(Native.Unmount(hidden, Native.UnmountDetach), $"unmount {hidden}");
            }
            own = Native.OpenHandle("/proc/thread-self/ns/mnt", Native.OpenReadOnly);
        }).GetAwaiter().GetResult();
        _own = own!;
    }

    /// <summary>Does them one after the other on a thread of its own, up to the first that fails.</summary>
    internal Task RunAsync(IReadOnlyList<MountStep> steps) => RunAsync("fnq-mount", () =>
    {
        Enter();
        foreach (var step in steps)
        {
            step.Do();
        }
    });

    /// <summary>Mounts a volume and lets it go again.</summary>
    internal Task TryAsync(TmpVolume volume) => RunAsync("fnq-mount", () =>
    {
        Enter();
        volume.Mount.Do();
        try
        {
            volume.Open(owner: 0);
        }
        finally
        {
            _ = Native.Unmount(volume.Mount.Target, Native.UnmountDetach);
        }
    });

    /// <summary>For a thread that ends soon. Only plain system calls until it leaves: a thread started inside would stay there.</summary>
    internal void Enter() => Enter(_own);

    internal void Leave() => Enter(_host);

    public void Dispose()
    {
        _own.Dispose();
        _host.Dispose();
    }

    private Task RunAsync(string name, Action work)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            Exception? failure = null;
            try
            {
                try
                {
                    work();
                }
                finally
                {
                    Leave();
                }
            }
            // Whatever it was, it belongs to the caller; an exception here would end the worker.
            catch (Exception e)
            {
                failure = e;
            }
            // Only now: whoever goes on may need a new thread, which this one would start.
            if (failure is null)
            {
                done.SetResult();
            }
            else
            {
                done.SetException(failure);
            }
        })
        { IsBackground = true, Name = name }.Start();
        return done.Task;
    }

    /// <summary>
    /// Whoever enters has root and current folder to itself. Each time anew: .NET may have started a thread of its own from
    /// this one meanwhile, for its compiler or collector, and that shares them again.
    /// </summary>
    private static void Enter(SafeFileHandle mounts)
    {
        _ = Native.Check(Native.Unshare(Native.CloneFs), "unshare folders");
        _ = Native.Check(Native.SetNamespace((int)mounts.DangerousGetHandle(), Native.CloneNewNs), "enter a mount namespace");
    }
}
