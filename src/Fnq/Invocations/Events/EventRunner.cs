using System.Collections.Concurrent;
using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations.Events;

/// <summary>
/// Takes an event from its queue to its next step: another attempt later, or an outcome. It returns when that step is durable,
/// and only then may the event be acked.
/// </summary>
internal sealed partial class EventRunner(
    EventAttempt attempts, EventShares shares, EventQueue queue, EventEnd end, TimeProvider time, ILogger<EventRunner> logger)
{
    private static readonly TimeSpan ShareDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PublishTime = TimeSpan.FromSeconds(5);

    /// <summary>Longer than any event may wait for its next attempt.</summary>
    private static readonly TimeSpan LongestTry = TimeSpan.FromHours(7);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<(Guid, int, int), Lazy<Task>> _running = new();

    /// <param name="invocation">As it came.</param>
    /// <param name="from">The queue that it came from and goes back to.</param>
    /// <param name="isRedelivered">It may have ended already, and only its ack was lost.</param>
    /// <param name="stopping">Of the process.</param>
    public async Task RunAsync(InvokeFunction invocation, EventQueueName from, bool isRedelivered, CancellationToken stopping)
    {
        // The broker gives an event out again when its channel is gone; the run of before goes on all the same.
        var key = (invocation.RequestId, invocation.Failures, invocation.Refusals);
        var step = _running.GetOrAdd(key, _ => new Lazy<Task>(() => StepAsync(invocation, from, isRedelivered, stopping)));
        try
        {
            await step.Value;
        }
        finally
        {
            _running.TryRemove(new(key, step));
        }
    }

    /// <summary>Whatever fails here that nobody has foreseen is tried again as a refusal of the platform: no event is worth a hot loop, nor lost.</summary>
    private async Task StepAsync(InvokeFunction invocation, EventQueueName from, bool isRedelivered, CancellationToken stopping)
    {
        try
        {
            await TakeStepAsync(invocation, from, isRedelivered, stopping);
        }
        catch (Exception failure) when (!stopping.IsCancellationRequested)
        {
            LogUnforeseen(failure, invocation.RequestId);
            if (time.GetUtcNow() - invocation.AcceptedAt > LongestTry)
            {
                await end.GiveUpAsync(invocation, failure.Message);
                return;
            }

            var refused = invocation with { Refusals = invocation.Refusals + 1 };
            await DelayAsync(refused, from, EventTopology.BackOff(refused.Refusals), stopping);
        }
    }

    private async Task TakeStepAsync(InvokeFunction invocation, EventQueueName from, bool isRedelivered, CancellationToken stopping)
    {
        if (isRedelivered && await HasEndedAsync(invocation.RequestId, stopping))
        {
            return;
        }

        using (var place = await shares.TryEnterAsync(from, invocation.Function))
        {
            if (place is not null)
            {
                await SettleAsync(await attempts.MakeAsync(invocation), from, stopping);
                return;
            }
        }

        await DelayAsync(invocation, from, ShareDelay, stopping);
    }

    private async Task SettleAsync(Attempted attempted, EventQueueName from, CancellationToken stopping)
    {
        if (attempted.Decision.Condition is { } condition)
        {
            await end.EndAsync(attempted, condition, stopping);
            return;
        }

        await DelayAsync(attempted.Invocation, from, attempted.Decision.RetryAfter, stopping);
        await end.WaitAsync(attempted);
    }

    private async Task<bool> HasEndedAsync(Guid requestId, CancellationToken stopping)
    {
        var hasEnded = false;
        await UntilDoneAsync(async () => hasEnded = await end.HasEndedAsync(requestId, stopping), stopping);
        return hasEnded;
    }

    private Task DelayAsync(InvokeFunction invocation, EventQueueName from, TimeSpan delay, CancellationToken stopping) => UntilDoneAsync(
        async () =>
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            limit.CancelAfter(PublishTime);
            await queue.DelayAsync(invocation, from.Value, delay, limit.Token);
        },
        stopping);

    /// <summary>There is no other way on: broker or database come back, or the process ends and the event is given out again.</summary>
    private async Task UntilDoneAsync(Func<Task> step, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                await step();
                return;
            }
            catch (Exception failure) when (!stopping.IsCancellationRequested)
            {
                LogFailed(failure);
            }

            await Task.Delay(Pause, time, stopping);
        }
    }

    [LoggerMessage(2230, LogLevel.Warning, "The next step of an event could not be made durable; it is tried again")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(2231, LogLevel.Error, "Event {RequestId} could not be handled; it is tried again later")]
    private partial void LogUnforeseen(Exception failure, Guid requestId);
}
