using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Execution;

/// <summary>An environment in its pool: leased by one at a time, and its own lease, so that a warm run allocates none.</summary>
/// <param name="maxInvocations">After so many it is replaced.</param>
internal sealed class PooledEnvironment(DeploymentPool pool, ExecutionEnvironment environment, int maxInvocations, TimeProvider time)
    : IEnvironmentLease, ILaneMember
{
    private readonly long _bornAt = time.GetTimestamp();
    private long _idleSince;
    private int _invocations;
    private bool _hasSuccessor;

    public ExecutionEnvironment Environment { get; } = environment;

    public DeploymentId Deployment => pool.Deployment.Id;

    public string? ConsumerTag { get; set; }

    /// <summary>MiB reserved for it; released when it is gone.</summary>
    public required int ReservedMb { get; init; }

    /// <summary>Frozen environments need no further look until they are leased or grow old.</summary>
    public bool IsFrozen { get; private set; }

    /// <summary>Whether it has lived long enough, by time or by work.</summary>
    public bool IsWornOut(WorkerOptions options) => _invocations >= maxInvocations || time.GetElapsedTime(_bornAt) > options.MaxLife;

    /// <summary>A twentieth of its life is left: time for a successor to start.</summary>
    public bool IsAgeing(WorkerOptions options) =>
        _invocations >= maxInvocations - maxInvocations / 20 || time.GetElapsedTime(_bornAt) > options.MaxLife * 0.95;

    /// <summary>True once: at saturation nobody is idle, and every return would start another.</summary>
    public bool NeedsSuccessor(WorkerOptions options)
    {
        if (_hasSuccessor || !IsAgeing(options))
        {
            return false;
        }

        return _hasSuccessor = true;
    }

    public async ValueTask<InvocationResult> InvokeAsync(InvocationRequest request, CancellationToken cancellationToken)
    {
        _invocations++;
        var started = time.GetTimestamp();
        var result = await Environment.InvokeAsync(request, cancellationToken);
        pool.Runs.Add(time.GetElapsedTime(started));
        return result;
    }

    public IEnvironmentLease? TryLease() => pool.TryTake(this) ? this : null;

    public ValueTask DisposeAsync()
    {
        pool.Return(this);
        return ValueTask.CompletedTask;
    }

    public void MarkIdle() => _idleSince = time.GetTimestamp();

    /// <summary>Since the last return; meaningful while idle.</summary>
    public TimeSpan IdleFor => time.GetElapsedTime(_idleSince);

    public void Freeze() => IsFrozen = Environment.Freeze();

    /// <summary>Called as it is leased; the environment thaws by itself when it is invoked.</summary>
    public void MarkLeased() => IsFrozen = false;
}
