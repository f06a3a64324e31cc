using Fnq.Amqp;
using Fnq.Dispatch;
using Fnq.Triggers.RabbitMq;
using Microsoft.Extensions.DependencyInjection;

namespace Fnq.Triggers;

internal sealed record TriggersOptions
{
    /// <summary>The users' virtual host, where queues are that functions listen to.</summary>
    public required string AmqpUrl { get; init; }

    /// <summary>After this a message that was not processed is there again.</summary>
    public required TimeSpan Visibility { get; init; }

    /// <summary>A message that was received so often and failed again is left to its queue's dead-letter exchange. 0 is never.</summary>
    public required int ReceivesMax { get; init; }
}

/// <summary>What invokes functions because something has happened: messages of users' queues.</summary>
internal sealed class TriggersModule(TriggersOptions options) : IModule
{
    public void Register(IServiceCollection services)
    {
        services.AddSingleton(options);
        services.AddSingleton(AmqpAddress.Parse(options.AmqpUrl));
        services.AddSingleton<QueueMeters>();
        services.AddSingleton<BatchInvoker>();
        services.AddSingleton<ListenerParts>();
        services.AddHostedService<QueueListeners>();
    }
}
