using Fnq.Dispatch;
using Fnq.Messaging;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Fnq.Invocations.Events;

internal sealed record EventsOptions
{
    public required string PlatformAmqpUrl { get; init; }

    /// <summary>The users' virtual host, where destinations are.</summary>
    public required string AmqpUrl { get; init; }

    /// <summary>Private addresses that webhooks may be at.</summary>
    public required IReadOnlyList<EgressRule> WebhookAllow { get; init; }

    /// <summary>How long outcomes are kept.</summary>
    public required TimeSpan Retention { get; init; }
}

/// <summary>Asynchronous invocations: their queues on the broker, who runs them, and what becomes of them.</summary>
internal sealed class EventsModule(EventsOptions options) : IModule
{
    public void Register(IServiceCollection services)
    {
        services.AddSingleton(options);
        services.AddSingleton(_ => new EventBroker(options.PlatformAmqpUrl));
        services.AddSingleton<QuorumArguments>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<QueueDepths>(provider, provider.GetRequiredService<EventBroker>().Link));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<UserQueues>(provider, new BrokerLink(options.AmqpUrl, "fnq destinations")));
        services.AddSingleton(provider => new Webhooks(options.WebhookAllow, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<EventMeters>();
        services.AddSingleton(provider => new Lazy<IBus>(provider.GetRequiredService<IBus>));
        services.AddSingleton<EventQueue>();
        services.AddSingleton<IEventQueue>(provider => provider.GetRequiredService<EventQueue>());
        services.AddSingleton<FunctionDestinations>();
        services.AddSingleton<Destinations>();
        services.AddSingleton<OutcomeStore>();
        services.AddSingleton<OutcomeWriter>();
        services.AddHostedService(provider => provider.GetRequiredService<OutcomeWriter>());
        services.AddHostedService<OutcomeRetention>();
        services.AddSingleton<EventEnd>();
        services.AddSingleton<EventAttempt>();
        services.AddSingleton<EventShares>();
        services.AddSingleton<EventRunner>();
        services.AddSingleton<UnreadableEvents>();
        services.AddSingleton<EventEndpoints>();
    }

    /// <summary>Before the first event is taken in: one that finds no queue is refused.</summary>
    public async Task ProvisionAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var broker = services.GetRequiredService<EventBroker>().Link;
        var quorum = QuorumQueue.Arguments(await broker.ServerVersionAsync(cancellationToken));
        services.GetRequiredService<QuorumArguments>().Value = quorum;
        await EventTopology.DeclareAsync(await broker.OpenAsync(cancellationToken), quorum, cancellationToken);
    }
}

/// <summary>Removes outcomes that are older than what is kept. Any number of processes may do it.</summary>
internal sealed partial class OutcomeRetention(OutcomeStore store, EventsOptions options, TimeProvider time, ILogger<OutcomeRetention> logger)
    : BackgroundService
{
    private const int Batch = 5_000;
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                while (await store.RemoveOlderAsync(time.GetUtcNow() - options.Retention, Batch, stoppingToken) == Batch)
                {
                }
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(failure);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(2270, LogLevel.Warning, "Old outcomes of events could not be removed; it is tried again in an hour")]
    private partial void LogFailed(Exception failure);
}
