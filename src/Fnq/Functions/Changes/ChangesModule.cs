using Fnq.Dispatch;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Fnq.Functions.Changes;

/// <summary>For processes that change functions: announcing, and making up for announcers that died half-way.</summary>
internal sealed class ChangesModule : IModule
{
    public void Register(IServiceCollection services)
    {
        services.AddSingleton<ChangeAnnouncer>();
        services.AddSingleton<IFunctionChanges>(provider => provider.GetRequiredService<ChangeAnnouncer>());
        services.AddReceiveEndpointObserver<MissedNotices>();
        services.AddHostedService<ChangeReconciler>();
    }
}

/// <summary>Announces again what has been unfinished for a while: its announcer was killed, or the broker was away.</summary>
internal sealed partial class ChangeReconciler(
    FunctionStore store, ChangeAnnouncer announcer, TimeProvider time, ILogger<ChangeReconciler> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                foreach (var change in await store.FindUnfinishedAsync(Interval, stoppingToken))
                {
                    if (!announcer.IsUnderWay(change.RevisionId))
                    {
                        await announcer.AnnounceAsync(change.Function, change.RevisionId, change.Deployment, stoppingToken);
                    }
                }
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                LogFailed(error);
            }
        }
        while (await tick.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(4010, LogLevel.Warning, "Unfinished changes could not be looked for")]
    private partial void LogFailed(Exception error);
}

/// <summary>A notice queue goes with its connection: whoever reconnects forgets all that a missed notice may have changed.</summary>
internal sealed class MissedNotices(FunctionCatalog catalog) : IReceiveEndpointObserver
{
    public Task Ready(ReceiveEndpointReady ready)
    {
        catalog.InvalidateAll();
        return Task.CompletedTask;
    }

    public Task Stopping(ReceiveEndpointStopping stopping) => Task.CompletedTask;

    public Task Completed(ReceiveEndpointCompleted completed) => Task.CompletedTask;

    public Task Faulted(ReceiveEndpointFaulted faulted) => Task.CompletedTask;
}
