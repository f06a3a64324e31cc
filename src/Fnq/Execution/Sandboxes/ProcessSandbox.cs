using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>A child process in a session of its own; see <see cref="ProcessSandboxBackend"/> for what it does not do.</summary>
internal sealed class ProcessSandbox : ISandbox
{
    // A shell opens the output pipe and becomes the function: Process cannot pass a descriptor on.
    private const string Launcher = "out=$1; shift; exec \"$@\" >\"$out\" 2>&1 </dev/null";
    private const int NotFound = 2, AccessDenied = 13;
    private readonly Channel<SandboxEvent> _events = Channel.CreateUnbounded<SandboxEvent>();
    private readonly SandboxSpec _spec;
    private readonly string _folder;
    private readonly string _pipe;
    private readonly FunctionPaths _paths;
    private Process? _process;
    private Task _exit = Task.CompletedTask;
    private long _peakBytes;

    public ProcessSandbox(string id, string folder, SandboxSpec spec)
    {
        (Id, _folder, _spec) = (id, folder, spec);
        _pipe = Path.Combine(folder, "output");
        Output = ProcessSandboxCalls.CreatePipe(_pipe);
        _paths = new FunctionPaths(
            Path.GetFullPath(spec.CodeFolder),
            Path.GetFullPath(Path.Combine(spec.RootFileSystem, "var/runtime")),
            Path.GetFullPath(spec.LayersFolder ?? folder));
        RuntimeApiListener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        RuntimeApiListener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        RuntimeApiListener.Listen(64);
    }

    public string Id { get; }

    public Socket RuntimeApiListener { get; }

    public string RuntimeApiAddress => RuntimeApiListener.LocalEndPoint!.ToString()!;

    public SafeFileHandle Output { get; }

    public ChannelReader<SandboxEvent> Events => _events.Reader;

    public ValueTask StartAsync(ProcessSpec process, CancellationToken cancellationToken)
    {
        var command = ProcessSandboxPaths.Command(process.Arguments, _paths, _spec.RootFileSystem);
        if (command is null || !File.Exists(command[0]))
        {
            return Fail(NotFound);
        }

        if (!ProcessSandboxCalls.IsExecutable(command[0]))
        {
            return Fail(AccessDenied);
        }

        var start = new ProcessStartInfo("setsid", ["/bin/sh", "-c", Launcher, "sh", _pipe, .. command]) { WorkingDirectory = _paths.TaskRoot };
        start.Environment.Clear();
        foreach (var (name, value) in process.Environment)
        {
            start.Environment[name] = ProcessSandboxPaths.Map(value, _paths);
        }

        // The recorded LD_LIBRARY_PATH would mix the host's libraries with others.
        start.Environment.Remove("LD_LIBRARY_PATH");
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH");
        _process = Process.Start(start) ?? throw new SandboxException("the process did not start");
        _exit = ReportExitAsync(_process);
        return ValueTask.CompletedTask;

        ValueTask Fail(int errno)
        {
            _events.Writer.TryWrite(new SandboxEvent.StartFailed(errno));
            return ValueTask.CompletedTask;
        }
    }

    public ValueTask TerminateAsync(CancellationToken cancellationToken)
    {
        Signal(ProcessSandboxCalls.Terminate);
        return ValueTask.CompletedTask;
    }

    public async ValueTask KillProcessesAsync(CancellationToken cancellationToken)
    {
        Signal(ProcessSandboxCalls.Kill);
        await _exit.WaitAsync(cancellationToken);
    }

    public void LimitCpu(bool initialising)
    {
        // Nothing is limited here.
    }

    public void Freeze() => Signal(ProcessSandboxCalls.Stop);

    public void Thaw() => Signal(ProcessSandboxCalls.Continue);

    public SandboxUsage ReadUsage()
    {
        if (_process is { } process && !_exit.IsCompleted)
        {
            try
            {
                var line = File.ReadLines($"/proc/{process.Id}/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
                var kilobytes = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
                _peakBytes = Math.Max(_peakBytes, long.Parse(kilobytes ?? "0", CultureInfo.InvariantCulture) * 1024);
            }
            catch (IOException)
            {
                // It has ended since: the last figure stands.
            }
        }

        return new SandboxUsage(_peakBytes, 0);
    }

    public async ValueTask DisposeAsync()
    {
        RuntimeApiListener.Dispose();
        Signal(ProcessSandboxCalls.Kill);
        await _exit;
        _events.Writer.TryWrite(new SandboxEvent.Ended());
        _events.Writer.TryComplete();
        Output.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task ReportExitAsync(Process process)
    {
        await process.WaitForExitAsync();
        // .NET reports a signal as a shell does.
        var code = process.ExitCode;
        _events.Writer.TryWrite(new SandboxEvent.MainExited(code is > 128 and <= 128 + 31 ? 128 - code : code));
    }

    /// <summary>To the whole session's first group; what left it by setsid is not reached: this is no isolation.</summary>
    private void Signal(int signal)
    {
        if (_process is { } process)
        {
            ProcessSandboxCalls.SignalGroup(process.Id, signal);
        }
    }
}
