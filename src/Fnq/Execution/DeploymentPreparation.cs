using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Execution.Runtimes;
using Fnq.Execution.Sandboxes;

namespace Fnq.Execution;

/// <summary>Before a deployment is called Successful: its runtime is installed here and its code unpacked.</summary>
internal sealed partial class DeploymentPreparation(
    RuntimeCatalog runtimes, ICodeFolders code, ISandboxBackend sandboxes, WarmPool pool, ILogger<DeploymentPreparation> logger) : IDeploymentPreparation
{
    public async Task<string?> PrepareAsync(Deployment deployment, CancellationToken cancellationToken)
    {
        try
        {
            if (runtimes.Find(deployment.Runtime) is null)
            {
                await runtimes.InstallAsync(deployment.Runtime, line => LogProgress(deployment.Runtime, line), cancellationToken);
            }

            await code.PrepareAsync(deployment, cancellationToken);
            if (runtimes.Find(deployment.Runtime) is { } runtime)
            {
                sandboxes.Expect(runtime.RootFileSystem);
            }

            return null;
        }
        catch (RuntimeInstallException error)
        {
            LogUnprepared(error, deployment.Id.Value);
            return error.Message;
        }
        catch (Exception error)
        {
            LogUnprepared(error, deployment.Id.Value);
            return $"The code could not be made ready: {error.Message}";
        }
    }

    public void RetireOlder(FunctionKey function, string version, DeploymentId? current) =>
        pool.RetireOlder(function, version, current);

    [LoggerMessage(3200, LogLevel.Information, "Runtime {Runtime}: {Line}")]
    private partial void LogProgress(string runtime, string line);

    [LoggerMessage(3201, LogLevel.Warning, "Deployment {Deployment} cannot run here")]
    private partial void LogUnprepared(Exception error, string deployment);
}
