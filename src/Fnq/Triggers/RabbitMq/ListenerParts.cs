using Fnq.Amqp;

namespace Fnq.Triggers.RabbitMq;

/// <summary>What all listeners of a process share.</summary>
internal sealed record ListenerParts(
    TriggersOptions Options, AmqpAddress Address, BatchInvoker Invoker, QueueMeters Meters, TimeProvider Time, ILogger<QueueListener> Logger);
