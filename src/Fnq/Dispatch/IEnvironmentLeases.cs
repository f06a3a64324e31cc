using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>The seam between who invokes (Invocations) and who runs (Execution) inside one process.</summary>
public interface IEnvironmentLeases
{
    /// <summary>
    /// Leases an environment of this node: an idle one at once, else the one that frees or starts first.
    /// Null when this node has neither an environment of the deployment nor room for one.
    /// </summary>
    /// <exception cref="OperationCanceledException">Nothing came free before the deadline.</exception>
    /// <exception cref="EnvironmentStartException">The platform could not start one; nothing has run.</exception>
    ValueTask<IEnvironmentLease?> LeaseAsync(Deployment deployment, DateTimeOffset startDeadline);

    /// <summary>Whether an environment could be started here now; asked before cold messages are taken.</summary>
    bool HasRoom { get; }

    /// <summary>Hears of environments that become available to lanes and of those that go.</summary>
    void Subscribe(ILaneMembers lanes);

    /// <summary>Ends idle environments of a deployment now and busy ones after their run.</summary>
    void Retire(DeploymentId deployment);
}

/// <summary>One environment for one run. Disposal returns it to its pool, or retires it if it is spent.</summary>
public interface IEnvironmentLease : IAsyncDisposable
{
    /// <summary>Runs the request and journals its record before it returns.</summary>
    /// <exception cref="EnvironmentGoneException">The run has not begun and never will here: lease another.</exception>
    ValueTask<InvocationResult> InvokeAsync(InvocationRequest request, CancellationToken cancellationToken);
}

/// <summary>An environment as its lane sees it: it can be taken if it is idle, and nothing more.</summary>
public interface ILaneMember
{
    DeploymentId Deployment { get; }

    /// <summary>Kept for the lanes: whether it is a consumer of its lane now, under which tag.</summary>
    string? ConsumerTag { get; set; }

    IEnvironmentLease? TryLease();
}

/// <summary>Told by the pool, acted upon by the lanes.</summary>
public interface ILaneMembers
{
    void Joined(ILaneMember member);

    void Left(ILaneMember member);

    /// <summary>Nobody has wanted it for a while.</summary>
    void Idle(ILaneMember member);

    /// <summary>An environment ended and there is room again.</summary>
    void RoomMade();

    /// <summary>A pool that could not serve all that it holds calls for other nodes, at most once a second.</summary>
    void NeedsHelp(DeploymentId deployment);
}

/// <summary>The environment was gone before the run began.</summary>
public sealed class EnvironmentGoneException(string id) : Exception($"environment {id} is gone");

/// <summary>The platform failed to start an environment: no fault of the function's, and nothing has run.</summary>
public sealed class EnvironmentStartException(Exception cause) : Exception("No environment could be started", cause);
