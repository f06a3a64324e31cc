using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>System calls that .NET has no method for.</summary>
internal static partial class ProcessSandboxCalls
{
    public const int Kill = 9, Terminate = 15, Continue = 18, Stop = 19;
    private const uint OwnerOnly = 0x180, OwnerFolder = 0x1c0;
    private const int Executable = 1;
    private const int ReadWrite = 2, NonBlocking = 0x800, CloseOnExec = 0x80000;

    /// <summary>A named pipe, opened for both so that it never ends while its sandbox lives.</summary>
    public static SafeFileHandle CreatePipe(string path)
    {
        if (MakePipe(path, OwnerOnly) != 0)
        {
            throw new SandboxException($"mkfifo {path} failed with errno {Marshal.GetLastPInvokeError()}");
        }

        var descriptor = Open(path, ReadWrite | NonBlocking | CloseOnExec);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw new SandboxException($"opening {path} failed with errno {Marshal.GetLastPInvokeError()}");
    }

    public static void SignalGroup(int processId, int signal) => _ = SendSignal(-processId, signal);

    public static bool IsExecutable(string path) => Access(path, Executable) == 0;

    public static void CreatePrivateFolder(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (MakeFolder(path, OwnerFolder) != 0)
        {
            throw new SandboxException($"mkdir {path} failed with errno {Marshal.GetLastPInvokeError()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeFolder(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakePipe(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int target, int signal);
}
