namespace Fnq.Amqp;

/// <summary>What the broker answers to a method that wants an answer.</summary>
/// <param name="Message">The one that was asked for, if there was one.</param>
internal readonly record struct AmqpReply(byte[] Arguments, AmqpMessage? Message = null);
