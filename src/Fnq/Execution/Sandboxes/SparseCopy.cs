using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>Copies a file without its holes: by reference where the file system can, else only what was ever written.</summary>
internal static class SparseCopy
{
    internal static unsafe void Run(SafeFileHandle from, SafeFileHandle to)
    {
        var (source, target) = ((int)from.DangerousGetHandle(), (int)to.DangerousGetHandle());
        if (Native.Control(target, Native.CloneFile, source) == 0)
        {
            return;
        }
        var length = RandomAccess.GetLength(from);
        RandomAccess.SetLength(to, length);
        // The offsets are ours: several copies may read one template at a time.
        for (long at = 0, end; (at = Native.Seek(source, at, Native.SeekData)) >= 0; at = end)
        {
            end = Native.Seek(source, at, Native.SeekHole);
            for (long left = end - at, into = at; left > 0;)
            {
                var copied = Native.CopyRange(source, &at, target, &into, (nuint)left, 0);
                left -= copied > 0 ? copied : throw Native.Failure("copy an image", Marshal.GetLastPInvokeError());
            }
        }
        var error = Marshal.GetLastPInvokeError();
        if (error != Native.ErrnoNoSuchDevice)
        {
            throw Native.Failure("read an image", error);
        }
    }
}
