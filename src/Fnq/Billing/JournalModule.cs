using Fnq.Dispatch;
using Fnq.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Fnq.Billing;

/// <summary>
/// For every role that ends runs or answers for lost ones: the journal and its way to the broker. Registered before
/// what runs functions, so that hosting stops it after them.
/// </summary>
internal sealed class JournalModule(BillingOptions options) : IModule
{
    public void Register(IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(options);
        services.TryAddSingleton<BillingMeters>();
        services.AddSingleton<RunJournal>();
        services.AddSingleton<IRunJournal>(provider => provider.GetRequiredService<RunJournal>());
        services.AddSingleton(provider => new ReadinessCheck("run journal", () => provider.GetRequiredService<RunJournal>().HasRoom));
        services.AddHostedService<RecordPublisher>();
    }

    /// <summary>Opens the journal: a data folder that cannot be written is an error of the start, not of the first run.</summary>
    public Task ProvisionAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        services.GetRequiredService<RunJournal>();
        return Task.CompletedTask;
    }
}
