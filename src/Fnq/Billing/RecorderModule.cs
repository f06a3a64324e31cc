using Fnq.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Fnq.Billing;

/// <summary>For the scheduler role, on as many nodes as wanted: the broker shares the batches out.</summary>
internal sealed class RecorderModule(BillingOptions options) : IModule
{
    public void Register(IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(options);
        services.TryAddSingleton<BillingMeters>();
        services.AddSingleton<RecordStore>();
        services.AddHostedService<Recorder>();
    }
}
