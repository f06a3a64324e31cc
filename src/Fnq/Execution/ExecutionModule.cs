using Fnq.Dispatch;
using Fnq.Execution.Code;
using Fnq.Execution.Output;
using Fnq.Execution.RuntimeApi;
using Fnq.Execution.Runtimes;
using Fnq.Execution.Sandboxes;
using Fnq.Execution.Sandboxes.Egress;
using Fnq.Logs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Fnq.Execution;

/// <summary>Where a worker keeps what it needs, and how it isolates.</summary>
internal sealed record ExecutionOptions
{
    public required string DataFolder { get; init; }
    public required string RuntimesFolder { get; init; }

    /// <summary><c>oci</c> or <c>process</c>.</summary>
    public required string Sandbox { get; init; }
    public required bool Production { get; init; }
    public string? OciRuntime { get; init; }
    public IReadOnlyList<string> OciRuntimeArguments { get; init; } = [];
    public required int PreparedSlots { get; init; }

    /// <summary>Shared by all workers of the host.</summary>
    public string SandboxStateFolder { get; init; } = "/run/fnq";

    /// <summary>Extracted packages that nobody uses are kept up to this size.</summary>
    public long CodeCacheBytes { get; init; } = 10_240L << 20;
    public required WorkerOptions Worker { get; init; }
    public EgressOptions Egress { get; init; } = new();

    /// <summary>Where functions' calls to Fnq's own API go.</summary>
    public Uri? ApiUrl { get; init; }
}

/// <summary>The worker role: sandboxes, environments, their Runtime API and the warm pool.</summary>
internal sealed class ExecutionModule(ExecutionOptions options) : IModule
{
    public void Register(IServiceCollection services)
    {
        services.AddSingleton(options);
        services.AddSingleton(options.Worker);
        services.AddSingleton(new SandboxOptions
        {
            StateFolder = options.SandboxStateFolder,
            OciRuntime = options.OciRuntime,
            OciRuntimeArguments = options.OciRuntimeArguments,
            PreparedSlots = options.PreparedSlots,
            ImageFolder = Path.Combine(options.DataFolder, "images"),
            InitPath = Path.Combine(options.RuntimesFolder, RuntimeCatalog.Init),
            Egress = options.Egress,
        });
        services.AddSingleton(new ProcessSandboxOptions
        {
            Folder = Path.Combine(options.DataFolder, "process-sandboxes"),
            IsProduction = options.Production,
        });
        services.AddSingleton(new RuntimeOptions { Folder = options.RuntimesFolder });
        services.AddSingleton<RuntimeCatalog>();
        services.AddSingleton(provider => new CodeCache(
            Path.Combine(options.DataFolder, "code"), options.CodeCacheBytes, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ICodeFolders, PackageFolders>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<LogStore>(provider, options.DataFolder));
        services.AddSingleton<RuntimeApiServer>();
        services.AddSingleton<RuntimeApiAcceptor>();
        services.AddSingleton<OutputPump>();
        services.AddSingleton<ExecutionMeters>();
        services.AddSingleton(Backend);
        services.AddSingleton(new ApiProxyOptions { Target = options.ApiUrl });
        services.AddSingleton<ApiProxy>();
        services.AddSingleton<FunctionAccess>();
        services.AddSingleton<EnvironmentServices>();
        services.AddSingleton<EnvironmentFactory>();
        services.AddSingleton<WarmPool>();
        services.AddSingleton<IEnvironmentLeases>(provider => provider.GetRequiredService<WarmPool>());
        services.AddSingleton<IDeploymentPreparation, DeploymentPreparation>();
        services.AddHostedService<WorkerHost>();
        services.AddHostedService<PeerSweep>();
    }

    private ISandboxBackend Backend(IServiceProvider provider) => options.Sandbox == "process"
        ? ActivatorUtilities.CreateInstance<ProcessSandboxBackend>(provider)
        : ActivatorUtilities.CreateInstance<OciSandboxBackend>(provider);

    /// <summary>Sweeps what dead workers of this host left, then serves the Runtime API; ends every environment at the stop.</summary>
    private sealed class WorkerHost(
        ISandboxBackend backend, CodeCache code, RuntimeApiServer runtimeApi, WarmPool pool, LogStore logs) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
        {
            code.RemoveDeadDrafts();
            code.Prune();
            await backend.SweepAsync(cancellationToken);
            await runtimeApi.StartAsync(cancellationToken);
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            await pool.DisposeAsync();
            await logs.FlushAsync(cancellationToken);
        }
    }
}
