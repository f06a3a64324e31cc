using Fnq.Dispatch;
using Fnq.Execution.Output;
using Fnq.Execution.Runtimes;
using Fnq.Execution.Sandboxes;
using Fnq.Execution.Sandboxes.Egress;
using Fnq.Logs;

namespace Fnq.Execution;

/// <summary>Makes environments: sandbox, variables, log stream, first initialisation.</summary>
internal sealed class EnvironmentFactory(
    ISandboxBackend backend, RuntimeCatalog runtimes, ICodeFolders code, EnvironmentServices services)
{
    private const string WrapperVariable = "AWS_LAMBDA_EXEC_WRAPPER";

    /// <summary>
    /// An environment whose init has ended. If it failed or took longer than its limit, the first invocation repeats it
    /// under the function's timeout and reports what comes of it.
    /// </summary>
    /// <exception cref="SandboxException">The platform could not make a sandbox.</exception>
    public async Task<ExecutionEnvironment> StartAsync(Deployment deployment, InitBackoff backoff, CancellationToken cancellationToken)
    {
        var orderedAt = services.Time.GetTimestamp();
        var runtime = runtimes.Find(deployment.Runtime)
            ?? throw new SandboxException($"runtime {deployment.Runtime} is not installed here: fnq runtimes install {deployment.Runtime}");
        var folders = await code.PrepareAsync(deployment, cancellationToken);
        try
        {
            var environment = await StartAsync(deployment, runtime, folders, backoff, orderedAt, cancellationToken);
            _ = environment.Ended.ContinueWith(_ => folders.Dispose(), TaskScheduler.Default);
            return environment;
        }
        catch
        {
            folders.Dispose();
            throw;
        }
    }

    private async Task<ExecutionEnvironment> StartAsync(
        Deployment deployment, RuntimeManifest runtime, CodeFolders folders, InitBackoff backoff, long orderedAt, CancellationToken cancellationToken)
    {
        var id = Guid.NewGuid().ToString("N");
        var name = new LogStreamName(DateOnly.FromDateTime(services.Time.GetUtcNow().UtcDateTime), deployment.Version, id);

        var credentials = await services.Access.IssueAsync(deployment, cancellationToken);

        // All that can fail for want of disk comes before the sandbox, which nobody would destroy.
        var stream = services.Logs.Open(deployment.Function, name);
        ISandbox sandbox;
        try
        {
            sandbox = await backend.CreateAsync(
                new SandboxSpec
                {
                    RootFileSystem = runtime.RootFileSystem,
                    CodeFolder = folders.CodeFolder,
                    LayersFolder = folders.LayersFolder,
                    MemorySizeMb = deployment.MemorySizeMb,
                    EphemeralStorageMb = deployment.EphemeralStorageMb,
                    Egress = EgressPolicy.Of(deployment),
                },
                cancellationToken);
        }
        catch (Exception e) when (e is not (OperationCanceledException or SandboxException))
        {
            throw new SandboxException($"no sandbox for {deployment.Function}: {e.Message}", e);
        }

        services.Access.Serve(sandbox);
        var log = new EnvironmentLog(stream, sandbox.Output, services.Time);
        var variables = EnvironmentVariables.Build(deployment, runtime, sandbox.RuntimeApiAddress, name.ToString());
        services.Access.Grant(credentials, sandbox, variables);
        var start = Plan(runtime, folders, deployment.MemorySizeMb, variables);
        var environment = new ExecutionEnvironment(id, deployment, sandbox, start, backoff, log, services);
        await environment.StartAsync(orderedAt);
        if (environment.Phase is EnvironmentPhase.Faulted)
        {
            await environment.DisposeAsync();
            throw new SandboxException($"the sandbox of {deployment.Function} ended during init");
        }

        return environment;
    }

    internal static RuntimeStart Plan(
        RuntimeManifest runtime, CodeFolders folders, int memorySizeMb, IReadOnlyDictionary<string, string> variables)
    {
        var entrypoint = runtime.ResolveEntrypoint(folders.CodeFolder, folders.LayersFolder, memorySizeMb);
        var isWrapped = variables.TryGetValue(WrapperVariable, out var wrapper) && wrapper.Length > 0 && entrypoint is not null;
        return new RuntimeStart(runtime, isWrapped ? [wrapper!, .. entrypoint!] : entrypoint, runtime.Entrypoint, isWrapped, variables);
    }
}
