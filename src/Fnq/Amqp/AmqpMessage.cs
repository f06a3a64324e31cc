namespace Fnq.Amqp;

/// <summary>A message that the broker has delivered, handed out or returned. Its body belongs to whoever gets it.</summary>
/// <param name="DeliveryTag">What an ack names; 0 of one that was returned.</param>
internal sealed record AmqpMessage(ulong DeliveryTag, bool Redelivered, AmqpProperties Properties, ReadOnlyMemory<byte> Body);
