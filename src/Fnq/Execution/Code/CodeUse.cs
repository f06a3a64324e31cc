using System.Globalization;
using System.Text;
using Fnq.Execution.Sandboxes;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Code;

/// <summary>
/// A package that this process uses: a shared lock on the file beside its folder, which the kernel lets go when the
/// process dies. The file tells two things more: by its time when the package was last asked for, by its text how
/// many bytes it takes.
/// </summary>
internal sealed class CodeUse : IDisposable
{
    public const string Suffix = ".lock";
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly SafeFileHandle _lock;

    private CodeUse(string folder, SafeFileHandle held) => (Folder, _lock) = (folder, held);

    public string Folder { get; }

    /// <summary>Of the extracted files, as they lie on the disk.</summary>
    public long Bytes
    {
        set => RandomAccess.Write(_lock, Encoding.ASCII.GetBytes(value.ToString("D19", CultureInfo.InvariantCulture)), 0);
    }

    public static async Task<CodeUse> OpenAsync(string folder, TimeProvider time, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (TryLock(folder, Native.LockShared) is { } held)
            {
                return new CodeUse(folder, held);
            }

            // A peer prunes this very package, which takes it a rename.
            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    /// <summary>Null when others hold it otherwise, or when the file was removed while we waited for it.</summary>
    public static SafeFileHandle? TryLock(string folder, int mode)
    {
        var path = folder + Suffix;
        var handle = Native.OpenHandle(path, Native.OpenReadWrite | Native.OpenCreate);
        if (Native.Flock((int)handle.DangerousGetHandle(), mode | Native.LockNonBlocking) == 0 && !IsRemoved(handle))
        {
            return handle;
        }

        handle.Dispose();
        return null;
    }

    /// <summary>What a holder has noted; null when it died before that.</summary>
    public static long? BytesOf(string folder) =>
        long.TryParse(File.ReadAllText(folder + Suffix), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : null;

    public void Touch(DateTimeOffset now) => File.SetLastWriteTimeUtc(_lock, now.UtcDateTime);

    public void Dispose() => _lock.Dispose();

    /// <summary>A lock on a file that has lost its name protects nothing: the next one makes another file of that name.</summary>
    private static bool IsRemoved(SafeFileHandle handle) =>
        new FileInfo($"/proc/self/fd/{handle.DangerousGetHandle()}").LinkTarget is not { } target || target.EndsWith(" (deleted)", StringComparison.Ordinal);
}
