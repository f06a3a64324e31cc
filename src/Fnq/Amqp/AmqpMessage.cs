namespace Fnq.Amqp;

/// <summary>A message that the broker has delivered, handed out or returned. Its body belongs to whoever gets it.</summary>
/// <param name="DeliveryTag">What an ack names; 0 of one that was returned.</param>
internal sealed record AmqpMessage(ulong DeliveryTag, bool Redelivered, AmqpProperties Properties, ReadOnlyMemory<byte> Body)
{
    /// <summary>All properties as they came, on a channel that reads messages of strangers; else empty.</summary>
    public ReadOnlyMemory<byte> Head { get; init; }

    /// <summary>Bytes of a body that was too large to be kept; then <see cref="Body"/> is empty.</summary>
    public long PassedBytes { get; init; }
}
