using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>What a worker does when a function changes, before its first invocation. Implemented by Execution.</summary>
public interface IDeploymentPreparation
{
    /// <summary>Installs the runtime if need be and unpacks the code. Null when it can run here, else why not, for the user.</summary>
    Task<string?> PrepareAsync(Deployment deployment, CancellationToken cancellationToken);

    /// <summary>Ends environments of the function that run anything but its current deployment.</summary>
    void RetireOlder(FunctionKey function, string version, DeploymentId? current);
}
