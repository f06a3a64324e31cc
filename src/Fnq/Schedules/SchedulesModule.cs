using Fnq.AwsApi;
using Fnq.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using Quartz;

namespace Fnq.Schedules;

/// <summary>For the api role: the services that make rules and schedules.</summary>
internal sealed class SchedulesModule : IModule
{
    public void Register(IServiceCollection services)
    {
        services.AddSingleton<ScheduleStore>();
        services.AddSingleton<SchedulePages>();
        services.AddSingleton<OperationGate>();
        services.AddSingleton<RuleOperations>();
        services.AddSingleton<IAwsService, EventBridgeService>();
        services.AddSingleton<SchedulerOperations>();
        services.AddSingleton<IAwsService, SchedulerService>();
    }
}

/// <summary>
/// For the scheduler role, on as many nodes as wanted: each knows all schedules, and the row of a due time makes it fire
/// once. Needs an <see cref="IEventQueue"/> and <see cref="IEventTargets"/>.
/// </summary>
internal sealed class ScheduleClockModule : IModule
{
    /// <summary>Claims at the same time: each holds a database connection.</summary>
    private const int ConcurrentRings = 4;

    public void Register(IServiceCollection services)
    {
        services.AddSingleton<ScheduleStore>();
        services.AddSingleton<FireStore>();
        services.AddSingleton<ScheduleMeters>();
        services.AddSingleton<Alarms>();
        services.AddSingleton<FirePublisher>();
        services.AddHostedService(provider => provider.GetRequiredService<FirePublisher>());
        services.AddHostedService<FireRetention>();
        services.AddSingleton<ScheduleClock>();
        services.AddHostedService(provider => provider.GetRequiredService<ScheduleClock>());
        services.AddQuartz(quartz => quartz
            .UseInMemoryStore()
            .UseDefaultThreadPool(ConcurrentRings)
            .AddJob<RingJob>(job => job.WithIdentity(Alarms.Job).StoreDurably()));
        services.AddQuartzHostedService(host => host.WaitForJobsToComplete = true);
    }
}
