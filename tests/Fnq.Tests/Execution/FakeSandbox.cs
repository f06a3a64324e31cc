using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using Fnq.Execution.Sandboxes;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Tests.Execution;

/// <summary>A sandbox without processes: a loopback listener, a pipe, and a script that plays the runtime.</summary>
internal sealed class FakeSandbox : ISandbox
{
    private readonly string _pipe = Path.Combine(Path.GetTempPath(), $"fnq-test-{Guid.NewGuid():N}");
    private readonly Channel<SandboxEvent> _events = Channel.CreateUnbounded<SandboxEvent>();
    private readonly FileStream _writer;
    private readonly Lock _ending = new();
    private bool _alive;
    private CancellationTokenSource _process = new();

    public FakeSandbox()
    {
        Output = ProcessSandboxCalls.CreatePipe(_pipe);
        _writer = new FileStream(_pipe, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        RuntimeApiListener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        RuntimeApiListener.Listen(64);
    }

    /// <summary>Plays the runtime: gets the Runtime API's address and a token that fires when it is killed.</summary>
    public Func<FakeSandbox, CancellationToken, Task> Runtime { get; set; } = (_, _) => Task.CompletedTask;

    public List<ProcessSpec> Started { get; } = [];

    public long OutOfMemoryKills { get; set; }

    public int Kills { get; private set; }

    public int Freezes { get; private set; }

    public int Thaws { get; private set; }

    public List<bool> CpuLimits { get; } = [];

    public string Id => "fake";

    public Socket RuntimeApiListener { get; } = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public string RuntimeApiAddress => RuntimeApiListener.LocalEndPoint!.ToString()!;

    public SafeFileHandle Output { get; }

    public ChannelReader<SandboxEvent> Events => _events.Reader;

    public void Print(string text)
    {
        _writer.Write(Encoding.UTF8.GetBytes(text));
        _writer.Flush();
    }

    public void Exit(int status) => End(new SandboxEvent.MainExited(status), CancellationToken.None);

    public void FailStart(int errno) => End(new SandboxEvent.StartFailed(errno), CancellationToken.None);

    /// <summary>The end of the process that the token belongs to, unless it was killed before.</summary>
    public void ExitUnlessKilled(int status, CancellationToken killed) => End(new SandboxEvent.MainExited(status), killed);

    public ValueTask StartAsync(ProcessSpec process, CancellationToken cancellationToken)
    {
        Started.Add(process);
        lock (_ending)
        {
            _alive = true;
            _process = new CancellationTokenSource();
        }

        _ = Task.Run(() => Runtime(this, _process.Token), CancellationToken.None);
        return ValueTask.CompletedTask;
    }

    public ValueTask TerminateAsync(CancellationToken cancellationToken)
    {
        Exit(-15);
        return ValueTask.CompletedTask;
    }

    public async ValueTask KillProcessesAsync(CancellationToken cancellationToken)
    {
        Kills++;
        await _process.CancelAsync();
        Exit(-9);
    }

    /// <summary>Every start has one end.</summary>
    private void End(SandboxEvent end, CancellationToken killed)
    {
        lock (_ending)
        {
            if (_alive && !killed.IsCancellationRequested)
            {
                _alive = false;
                _events.Writer.TryWrite(end);
            }
        }
    }

    public void LimitCpu(bool initialising) => CpuLimits.Add(initialising);

    public void Freeze() => Freezes++;

    public void Thaw() => Thaws++;

    public SandboxUsage ReadUsage() => new(36 * 1024 * 1024, OutOfMemoryKills);

    public async ValueTask DisposeAsync()
    {
        await _process.CancelAsync();
        RuntimeApiListener.Dispose();
        _events.Writer.TryWrite(new SandboxEvent.Ended());
        _events.Writer.TryComplete();
        await _writer.DisposeAsync();
        Output.Dispose();
        File.Delete(_pipe);
    }
}
