using System.Net.Sockets;
using System.Threading.Channels;
using Fnq.Execution.Sandboxes.Egress;
using Microsoft.Win32.SafeHandles;

namespace Fnq.Execution.Sandboxes;

/// <summary>What is held for one sandbox, and let go of with it.</summary>
internal sealed record SandboxParts(NetworkNamespace Network, EgressLink? Link, SandboxCgroup Cgroup, SandboxPipes Pipes, TmpVolume? Tmp);

internal sealed class OciSandbox : ISandbox
{
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(5);

    private readonly OciSandboxBackend _backend;
    private readonly Slot _slot;
    private readonly NetworkNamespace _network;
    private readonly EgressLink? _link;
    private readonly SandboxCgroup _cgroup;
    private readonly ControlChannel _control;
    private readonly TmpVolume? _tmp;
    private readonly int _cpuQuotaMax;
    private int _memorySizeMb;
    private readonly Lock _freezing = new();
    private bool _frozen;
    private int _disposed;

    internal OciSandbox(OciSandboxBackend backend, Slot slot, SandboxParts parts, int memorySizeMb, int cpuQuotaMax)
    {
        _backend = backend;
        _slot = slot;
        _network = parts.Network;
        _link = parts.Link;
        _cgroup = parts.Cgroup;
        _tmp = parts.Tmp;
        _memorySizeMb = memorySizeMb;
        _cpuQuotaMax = cpuQuotaMax;
        _control = new ControlChannel(parts.Pipes.Control);
        Output = parts.Pipes.Output;
        _control.Open();
    }

    internal Slot Slot => _slot;

    /// <summary>Process 1 is there and has said nothing: true of one that stands by.</summary>
    internal bool StandsBy => _control.IsSilent;

    public string Id => _slot.Name;

    public Socket RuntimeApiListener => _network.Listener;

    public string RuntimeApiAddress => $"127.0.0.1:{NetworkNamespace.RuntimeApiPort}";

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
        // Whoever starts the next process limits it again.
        _cgroup.LiftCpuLimit();
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

    public void LimitCpu(bool initialising) => _cgroup.LimitCpu(CgroupLimits.CpuQuota(_memorySizeMb, initialising, _cpuQuotaMax));

    /// <summary>One that was made ahead of need gets the limits of what it will run.</summary>
    internal void Resize(int memorySizeMb)
    {
        _cgroup.Resize(_memorySizeMb, memorySizeMb, CgroupLimits.CpuQuota(memorySizeMb, initialising: true, _cpuQuotaMax));
        _memorySizeMb = memorySizeMb;
    }

    /// <summary>What it may reach, before anything of the user runs; nothing without a policy.</summary>
    internal Task OpenAsync(EgressPolicy? policy) => _link?.OpenAsync(policy) ?? Task.CompletedTask;

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
        _tmp?.Discard();
        _control.HangUp();
        await _backend.RemoveAsync(_slot);
        _tmp?.Dispose();
        _cgroup.Dispose();
        _network.Dispose();
        await (_link?.ForgetAsync() ?? Task.CompletedTask);
        Output.Dispose();
        _control.Dispose();
        await _control.Ended;
    }
}
