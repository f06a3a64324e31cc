using Fnq.Dispatch;
using Fnq.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Fnq.Invocations;

/// <summary>For processes that invoke: the caller's end of the lanes, and local hand-off where a worker shares the process.</summary>
internal sealed class InvocationsModule(string platformAmqpUrl, bool localHandoff) : IModule
{
    public void Register(IServiceCollection services)
    {
        services.AddSingleton<LostRuns>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<LaneCaller>(provider, platformAmqpUrl));
        services.AddSingleton(provider => new LocalHandoff(
            provider.GetRequiredService<LaneCaller>(),
            localHandoff ? provider.GetService<IEnvironmentLeases>() : null,
            provider.GetService<LaneWorker>()));
        services.AddSingleton<InvocationMeters>();
        services.AddSingleton<IInvoker, FleetInvoker>();
        services.AddSingleton(provider =>
            new ReadinessCheck("broker link of callers", () => provider.GetRequiredService<LaneCaller>().IsUp));
        services.AddHostedService<CallerHost>();
    }

    private sealed class CallerHost(LaneCaller caller) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => caller.StartAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>For workers: the lanes of their environments and the cold queue.</summary>
internal sealed class LanesModule(LaneOptions options) : IModule
{
    /// <summary>A stop waits this long for runs; what still runs then is reported lost by the broker's redelivery.</summary>
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(25);

    public void Register(IServiceCollection services)
    {
        services.AddSingleton(options);
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<LaneReplies>(provider, options.PlatformAmqpUrl));
        services.AddSingleton<LaneWorker>();
        services.AddSingleton(provider =>
            new ReadinessCheck("broker link of lanes", () => provider.GetRequiredService<LaneWorker>().IsUp));
        services.AddHostedService<LaneHost>();
    }

    private sealed class LaneHost(LaneWorker lanes) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => lanes.StartAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => lanes.DrainAsync(DrainLimit);
    }
}
