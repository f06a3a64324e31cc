using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Fnq.Messaging;

/// <summary>Every process: its identity and its node lease.</summary>
internal sealed class NodesModule(NodeId node, IReadOnlyList<string> roles) : IModule
{
    public void Register(IServiceCollection services)
    {
        services.AddSingleton(typeof(NodeId), node);
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<NodeRegistry>(provider, node, roles));
        services.AddSingleton(provider =>
            new ReadinessCheck("node lease in the database", () => provider.GetRequiredService<NodeRegistry>().IsLeased));
        services.AddHostedService<LeaseKeeper>();
    }

    private sealed class LeaseKeeper(NodeRegistry registry) : BackgroundService
    {
        public override async Task StartAsync(CancellationToken cancellationToken)
        {
            // Before the first request: a change announced meanwhile must wait for this node too.
            await registry.RenewAsync(cancellationToken);
            await base.StartAsync(cancellationToken);
        }

        public override async Task StopAsync(CancellationToken cancellationToken)
        {
            await base.StopAsync(cancellationToken);
            await registry.LeaveAsync(cancellationToken);
        }

        protected override Task ExecuteAsync(CancellationToken stoppingToken) => registry.RenewForeverAsync(stoppingToken);
    }
}
