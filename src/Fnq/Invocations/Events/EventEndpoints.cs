using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using Fnq.Contracts;
using Fnq.Messaging;
using MassTransit;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace Fnq.Invocations.Events;

/// <summary>The consuming end of the event queues.</summary>
internal sealed class EventEndpoints(EventRunner runner, UnreadableEvents unreadable, QuorumArguments quorum, IHostApplicationLifetime lifetime)
{
    public void Add(IRabbitMqBusFactoryConfigurator rabbit)
    {
        foreach (var queue in EventTopology.Queues)
        {
            rabbit.ReceiveEndpoint(queue.Value, endpoint =>
            {
                endpoint.ConfigureConsumeTopology = false;
                endpoint.PublishFaults = false;
                foreach (var (name, value) in quorum.Value)
                {
                    endpoint.SetQueueArgument(name, value);
                }

                endpoint.PrefetchCount = queue.Prefetch;
                endpoint.ConcurrentMessageLimit = queue.Prefetch;
                endpoint.ConfigureError(pipe => pipe.UseFilter(unreadable));
                endpoint.ConfigureDeadLetter(pipe => pipe.UseFilter(unreadable));
                endpoint.Handler<InvokeFunction>(context =>
                    runner.RunAsync(context.Message, queue, context.ReceiveContext.Redelivered, lifetime.ApplicationStopping));
            });
        }
    }
}

/// <summary>What quorum queues are declared with on this broker; known once it was asked.</summary>
internal sealed class QuorumArguments
{
    public IReadOnlyDictionary<string, object?> Value { get; set; } = QuorumQueue.Arguments(new Version(0, 0));
}

/// <summary>
/// A message of the event queues that is no event: kept as it came, with an outcome that says so. An event that a process gives up
/// because it stops goes back to its queue.
/// </summary>
internal sealed partial class UnreadableEvents(
    EventBroker platform, EventEnd end, IHostApplicationLifetime lifetime, ILogger<UnreadableEvents> logger)
    : IFilter<ExceptionReceiveContext>, IFilter<ReceiveContext>
{
    public Task Send(ExceptionReceiveContext context, IPipe<ExceptionReceiveContext> next)
    {
        if (context.Exception is OperationCanceledException || lifetime.ApplicationStopping.IsCancellationRequested)
        {
            ExceptionDispatchInfo.Throw(context.Exception);
        }

        return KeepAsync(context, context.Exception.Message);
    }

    public Task Send(ReceiveContext context, IPipe<ReceiveContext> next) => KeepAsync(context, "It is no event");

    public void Probe(ProbeContext context) => context.CreateFilterScope("unreadable");

    private async Task KeepAsync(ReceiveContext context, string reason)
    {
        var body = context.Body.GetBytes();
        var id = context.GetMessageId() ?? new Guid(SHA256.HashData(body).AsSpan(0, 16));
        LogUnreadable(id, context.InputAddress, reason);
        var channel = await platform.Link.OpenAsync(context.CancellationToken);
        var properties = new BasicProperties { DeliveryMode = DeliveryModes.Persistent, MessageId = id.ToString() };
        await channel.BasicPublishAsync("", EventTopology.UnreadableQueue, mandatory: true, properties, body, context.CancellationToken);
        await end.EndUnreadableAsync(id, reason);
    }

    [LoggerMessage(2260, LogLevel.Error, "Message {RequestId} of {Queue} cannot be read: {Reason}")]
    private partial void LogUnreadable(Guid requestId, Uri queue, string reason);
}

/// <summary>The platform's virtual host, for what MassTransit does not do.</summary>
internal sealed class EventBroker(string platformAmqpUrl) : IAsyncDisposable
{
    public BrokerLink Link { get; } = new(platformAmqpUrl, "fnq events");

    public ValueTask DisposeAsync() => Link.DisposeAsync();
}
