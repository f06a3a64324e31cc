using Fnq.Contracts;
using Fnq.Dispatch;
using MassTransit;

namespace Fnq.Invocations.Events;

/// <summary>Sends events to their queues, persistent, mandatory and confirmed.</summary>
/// <param name="bus">Later: it is made with the endpoints whose consumers send by it.</param>
internal sealed class EventQueue(Lazy<IBus> bus, QueueDepths depths, EventMeters meters, TimeProvider time) : IEventQueue
{
    /// <summary>A full queue, a blocked connection and a frozen broker never answer: after this nobody knows.</summary>
    private static readonly TimeSpan ConfirmTime = TimeSpan.FromSeconds(2);

    private static readonly Uri EventsAddress = new($"exchange:{EventTopology.Exchange}?type=direct");

    public async Task AcceptAsync(InvokeFunction invocation, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var queue = depths.Shorter(EventTopology.QueuesOf(invocation.Function, invocation.Payload.Length, timeout));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var timer = time.CreateTimer(_ => limit.Cancel(), null, ConfirmTime, Timeout.InfiniteTimeSpan);
        try
        {
            await SendAsync(EventsAddress, queue.Value, invocation, limit.Token);
        }
        catch (Exception unknown)
        {
            throw new EventNotAcceptedException($"Event {invocation.RequestId} was not confirmed", unknown);
        }

        meters.Accepted(invocation.Trigger);
    }

    /// <summary>Back to <paramref name="queue"/> after a delay of the ladder.</summary>
    public Task DelayAsync(InvokeFunction invocation, string queue, TimeSpan delay, CancellationToken cancellationToken) =>
        SendAsync(new Uri($"exchange:{EventTopology.DelayExchange(delay)}?type=fanout"), queue, invocation, cancellationToken);

    private async Task SendAsync(Uri address, string routingKey, InvokeFunction invocation, CancellationToken cancellationToken)
    {
        var endpoint = await bus.Value.GetSendEndpoint(address);
        await endpoint.Send(
            invocation,
            context =>
            {
                context.MessageId = invocation.RequestId;
                context.SetRoutingKey(routingKey);
            },
            cancellationToken);
    }
}
