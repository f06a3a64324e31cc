using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations.Events;

/// <summary>Tells whoever is to hear of an event's end: the destination of its outcome, and after a failure the dead-letter queue too.</summary>
internal sealed partial class Destinations(
    UserQueues queues, Webhooks webhooks, FunctionDestinations functions, EventMeters meters, TimeProvider time, ILogger<Destinations> logger)
{
    private const int ErrorCode = 200;

    /// <summary>Returns when all have it, or when it is certain that one never will: then why.</summary>
    public async Task<string?> DeliverAsync(Attempted attempted, string condition, CancellationToken stopping)
    {
        if (attempted.Target is not { } target)
        {
            return null;
        }

        var errors = new List<string>();
        if ((condition == EventCondition.Success ? target.OnSuccess : target.OnFailure) is { } destination)
        {
            var record = DestinationRecord.Write(attempted.Invocation, target.QualifiedArn, condition, attempted.Result, time.GetUtcNow());
            AddError(errors, attempted, destination, await SendAsync(destination, attempted.Invocation, condition, record, stopping));
        }

        if (condition != EventCondition.Success && target.DeadLetter is { } deadLetter)
        {
            AddError(errors, attempted, deadLetter, await DeadLetterAsync(deadLetter, attempted, stopping));
        }

        return errors.Count == 0 ? null : string.Join("; ", errors);
    }

    private Task<string?> SendAsync(
        EventDestination destination, InvokeFunction invocation, string condition, byte[] record, CancellationToken stopping) => destination switch
    {
        QueueDestination queue => queues.SendAsync("", queue.Queue, new(invocation.RequestId, record), stopping),
        TopicDestination topic => queues.SendAsync(topic.Exchange, "", new(invocation.RequestId, record), stopping),
        WebhookDestination webhook => webhooks.PostAsync(webhook.Url, invocation.RequestId, condition, record, stopping),
        FunctionDestination function => functions.InvokeAsync(function, invocation, condition, record, stopping),
        _ => throw new InvalidOperationException($"{destination.GetType().Name} is no destination that is known"),
    };

    /// <summary>The event as it came, with what went wrong beside it.</summary>
    private Task<string?> DeadLetterAsync(EventDestination destination, Attempted attempted, CancellationToken stopping)
    {
        var letter = new UserMessage(attempted.Invocation.RequestId, attempted.Invocation.Payload)
        {
            Headers = new Dictionary<string, object?>
            {
                ["RequestID"] = attempted.Invocation.RequestId.ToString(),
                ["ErrorCode"] = ErrorCode,
                ["ErrorMessage"] = attempted.Error ?? "",
            },
        };
        return destination switch
        {
            QueueDestination queue => queues.SendAsync("", queue.Queue, letter, stopping),
            TopicDestination topic => queues.SendAsync(topic.Exchange, "", letter, stopping),
            _ => Task.FromResult<string?>("A dead-letter queue is a queue or a topic"),
        };
    }

    private void AddError(List<string> errors, Attempted attempted, EventDestination destination, string? error)
    {
        if (error is not null)
        {
            errors.Add(error);
            meters.Undelivered();
            LogUndelivered(attempted.Invocation.RequestId, destination.ToString()!, error);
        }
    }

    [LoggerMessage(2240, LogLevel.Warning, "The outcome of event {RequestId} was not taken by {Destination}: {Reason}")]
    private partial void LogUndelivered(Guid requestId, string destination, string reason);
}

/// <summary>A function that hears of another one's outcome is invoked asynchronously, as by any caller.</summary>
internal sealed class FunctionDestinations(IEventTargets targets, EventQueue queue, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Null when it is durable; else why it never will be.</summary>
    public async Task<string?> InvokeAsync(
        FunctionDestination destination, InvokeFunction cause, string condition, byte[] record, CancellationToken stopping)
    {
        var hop = (Lineage.HopsOf(cause.TraceId) ?? 0) + 1;
        if (hop >= Lineage.Limit)
        {
            return $"{destination.Function.Arn} is part of a loop of {Lineage.Limit} functions";
        }

        if (destination.Function.AccountId != cause.Function.AccountId)
        {
            return $"{destination.Function.Arn} is another account's";
        }

        while (true)
        {
            try
            {
                if (await targets.FindAsync(destination.Function, destination.Qualifier, stopping) is not { } target)
                {
                    return $"{destination.Function.Arn} does not exist";
                }

                await queue.AcceptAsync(Invocation(destination, cause, condition, record, hop), target.Timeout, stopping);
                return null;
            }
            catch (Exception) when (!stopping.IsCancellationRequested)
            {
                // Broker or database: they come back.
            }

            await Task.Delay(Pause, time, stopping);
        }
    }

    private InvokeFunction Invocation(FunctionDestination destination, InvokeFunction cause, string condition, byte[] record, int hop) => new()
    {
        RequestId = IdOf(cause.RequestId, condition),
        Function = destination.Function,
        Qualifier = destination.Qualifier,
        Payload = record,
        TraceId = Lineage.Write(cause.TraceId, destination.Function, hop),
        Trigger = "destination",
        AcceptedAt = time.GetUtcNow(),
    };

    /// <summary>The same whenever the same end is told again: it is one event, with one outcome.</summary>
    internal static Guid IdOf(Guid cause, string condition)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{cause:N}/{condition}")));
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash.AsSpan(0, 16), bigEndian: true);
    }
}
