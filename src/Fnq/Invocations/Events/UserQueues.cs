using System.Collections.ObjectModel;
using Fnq.Messaging;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Fnq.Invocations.Events;

/// <summary>A message for a queue of users: JSON, persistent.</summary>
internal sealed record UserMessage(Guid RequestId, ReadOnlyMemory<byte> Body)
{
    public IReadOnlyDictionary<string, object?> Headers { get; init; } = ReadOnlyDictionary<string, object?>.Empty;
}

/// <summary>Sends to queues and exchanges of the users' virtual host. Nothing is declared there: what does not exist takes nothing.</summary>
internal sealed partial class UserQueues(BrokerLink users, TimeProvider time, ILogger<UserQueues> logger) : IAsyncDisposable
{
    private static readonly TimeSpan ConfirmTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Null when the broker has it in a queue; else why it never will. A broker that is away is waited for.</summary>
    public async Task<string?> SendAsync(string exchange, string key, UserMessage message, CancellationToken stopping)
    {
        while (true)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            limit.CancelAfter(ConfirmTime);
            try
            {
                var channel = await users.OpenAsync(limit.Token);
                await channel.BasicPublishAsync(exchange, key, mandatory: true, PropertiesOf(message), message.Body, limit.Token);
                return null;
            }
            catch (PublishException refused) when (refused.IsReturn)
            {
                return exchange.Length == 0 ? $"There is no queue {key}" : $"No queue is bound to the exchange {exchange}";
            }
            catch (OperationInterruptedException closed) when (IsMissing(exchange, closed.ShutdownReason))
            {
                return $"There is no exchange {exchange}";
            }
            catch (Exception failure) when (!stopping.IsCancellationRequested)
            {
                LogFailed(failure, exchange.Length == 0 ? key : exchange);
            }

            await Task.Delay(Pause, time, stopping);
        }
    }

    public ValueTask DisposeAsync() => users.DisposeAsync();

    /// <summary>One that is missing takes the channel from all who send meanwhile: the others send again.</summary>
    private static bool IsMissing(string exchange, ShutdownEventArgs? reason) =>
        exchange.Length > 0 && reason is { ReplyCode: Constants.NotFound } && reason.ReplyText.Contains($"no exchange '{exchange}'", StringComparison.Ordinal);

    private BasicProperties PropertiesOf(UserMessage message) => new()
    {
        ContentType = "application/json",
        DeliveryMode = DeliveryModes.Persistent,
        MessageId = message.RequestId.ToString(),
        Timestamp = new AmqpTimestamp(time.GetUtcNow().ToUnixTimeSeconds()),
        AppId = "fnq",
        Headers = message.Headers.Count == 0 ? null : new Dictionary<string, object?>(message.Headers),
    };

    [LoggerMessage(2250, LogLevel.Warning, "A message to {Destination} was not confirmed; it is sent again")]
    private partial void LogFailed(Exception failure, string destination);
}
