using System.Runtime.InteropServices;

namespace Fnq.Execution.Sandboxes;

/// <summary>Runs a program to its end with exactly four descriptors: 0, 1, 2 and 3. For a thread of its own: it blocks.</summary>
internal static unsafe class ChildProgram
{
    private const short SetProcessGroup = 2, SetSignalDefaults = 4, SetSignalMask = 8;
    private const int OpaqueBytes = 1_024, SignalSetBytes = 128;

    /// <summary>Starts it; the calling thread's namespaces are inherited.</summary>
    internal static int Start(string path, IReadOnlyList<string> arguments, int input, int output, int control)
    {
        byte* actions = stackalloc byte[OpaqueBytes], attributes = stackalloc byte[OpaqueBytes], signals = stackalloc byte[SignalSetBytes];
        new Span<byte>(actions, OpaqueBytes).Clear();
        new Span<byte>(attributes, OpaqueBytes).Clear();
        new Span<byte>(signals, SignalSetBytes).Clear();
        _ = Native.InitActions(actions);
        _ = Native.InitAttributes(attributes);
        using var argv = new Strings([path, .. arguments]);
        using var envp = new Strings(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
        try
        {
            _ = Native.AddDuplicate(actions, input, 0);
            _ = Native.AddDuplicate(actions, output, 1);
            _ = Native.AddDuplicate(actions, output, 2);
            _ = Native.AddDuplicate(actions, control, 3);
            _ = Native.AddCloseFrom(actions, 4);
            _ = Native.SetSpawnMask(attributes, signals);
            new Span<byte>(signals, SignalSetBytes).Fill(0xff);
            _ = Native.SetSpawnDefaults(attributes, signals);
            // A group of its own: Ctrl-C in the worker's terminal is the worker's business.
            _ = Native.SetSpawnFlags(attributes, SetProcessGroup | SetSignalDefaults | SetSignalMask);
            int pid;
            var error = Native.Spawn(&pid, path, actions, attributes, argv.Pointer, envp.Pointer);
            return error == 0 ? pid : throw Native.Failure($"start {path}", error);
        }
        finally
        {
            _ = Native.DestroyActions(actions);
            _ = Native.DestroyAttributes(attributes);
        }
    }

    /// <summary>Its exit code, minus the signal that ended it, or null when it was killed at the time limit.</summary>
    internal static int? WaitFor(int pid, TimeSpan limit)
    {
        var process = Native.OpenProcess(pid, 0);
        var ended = process < 0;
        if (process >= 0)
        {
            var poll = new Native.PollFd { Fd = process, Events = Native.PollIn };
            ended = Native.Poll(&poll, 1, (int)limit.TotalMilliseconds) > 0;
            _ = Native.Close(process);
        }
        if (!ended)
        {
            _ = Native.Kill(pid, Native.SigKill);
        }
        int status = 0, result;
        do
        {
            result = Native.WaitFor(pid, &status, 0);
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == Native.ErrnoInterrupted);
        if (!ended)
        {
            return null;
        }
        var signal = status & 0x7f;
        return signal != 0 ? -signal : (status >> 8) & 0xff;
    }

    private sealed class Strings : IDisposable
    {
        private readonly int _count;

        internal Strings(string[] values)
        {
            _count = values.Length;
            Pointer = (byte**)NativeMemory.AllocZeroed((nuint)(_count + 1), (nuint)sizeof(byte*));
            for (var i = 0; i < _count; i++)
            {
                Pointer[i] = (byte*)Marshal.StringToCoTaskMemUTF8(values[i]);
            }
        }

        internal byte** Pointer { get; }

        public void Dispose()
        {
            for (var i = 0; i < _count; i++)
            {
                Marshal.FreeCoTaskMem((nint)Pointer[i]);
            }
            NativeMemory.Free(Pointer);
        }
    }
}
