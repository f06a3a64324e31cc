using System.Runtime.InteropServices;

namespace Fnq.Execution.Sandboxes;

/// <summary>What making a user namespace needs.</summary>
internal static partial class Native
{
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint SystemCall(nint number, nint first, nint second, nint third);

    [LibraryImport("libc", EntryPoint = "clone", SetLastError = true)]
    internal static unsafe partial int Clone(nint program, byte* stackEnd, int flags, nint argument);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    internal static partial int ProcessControl(int option, nint first, nint second, nint third, nint fourth);

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    internal static unsafe partial int WaitForState(int idType, int id, byte* information, int options);
}
