using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

internal sealed class OciSandbox : ISandbox
{
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(5);

    private readonly OciSandboxBackend _backend;
    private readonly Slot _slot;
    private readonly NetworkNamespace _network;
    private readonly SandboxCgroup _cgroup;
    private readonly ControlChannel _control;
    private readonly int _memorySizeMb;
    private readonly Lock _freezing = new();
    private bool _frozen;
    private int _disposed;

    internal OciSandbox(
        OciSandboxBackend backend, Slot slot, SandboxSpec spec, NetworkNamespace network, SandboxCgroup cgroup, SandboxPipes pipes)
    {
        _backend = backend;
        _slot = slot;
        _network = network;
        _cgroup = cgroup;
        _memorySizeMb = spec.MemorySizeMb;
        _control = new ControlChannel(pipes.Control);
        Output = pipes.Output;
        _control.Open();
    }

    public string Id => _slot.Name;

    public Socket RuntimeApiListener => _network.Listener;

    public string RuntimeApiAddress => $"127.0.0.1:{NetworkNamespace.RuntimeApiPort}";

    /// <summary>What else is to be undone when it is gone.</summary>
    internal Func<Task> Closed { get; init; } = () => Task.CompletedTask;

    public Socket ApiListener => _network.ApiListener;

    public string ApiAddress => $"127.0.0.1:{NetworkNamespace.ApiPort}";

    public SafeFileHandle Output { get; }

    public ChannelReader<SandboxEvent> Events => _control.Events;

    public ValueTask StartAsync(ProcessSpec process, CancellationToken cancellationToken) =>
        _control.StartAsync(ControlFrame.StartOf(process), cancellationToken);

    public ValueTask TerminateAsync(CancellationToken cancellationToken)
    {
        Thaw();
        return _control.SendAsync(ControlFrame.Empty(ControlFrame.Terminate), cancellationToken);
    }

    public async ValueTask KillProcessesAsync(CancellationToken cancellationToken)
    {
        Thaw();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(KillPatience);
        try
        {
            await _control.KillAsync(patience.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new SandboxException($"Sandbox {Id} still has processes {KillPatience.TotalSeconds} s after the kill.", e);
        }
    }

    public void LimitCpu(bool initialising) => _cgroup.LimitCpu(SandboxCgroup.CpuQuota(_memorySizeMb, initialising));

    public void Freeze()
    {
        lock (_freezing)
        {
            _cgroup.Freeze();
            _frozen = true;
        }
    }

    public void Thaw()
    {
        lock (_freezing)
        {
            if (_frozen)
            {
                _cgroup.Thaw();
                _frozen = false;
            }
        }
    }

    public SandboxUsage ReadUsage() => _cgroup.ReadUsage();

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        _control.HangUp();
        await _backend.RemoveAsync(_slot);
        _cgroup.Dispose();
        _network.Dispose();
        await Closed();
        Output.Dispose();
        _control.Dispose();
        await _control.Ended;
    }
}
