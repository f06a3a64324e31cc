using System.Threading.Channels;
using Microsoft.Extensions.Hosting;

namespace Fnq.Invocations.Events;

/// <summary>
/// Takes outcomes to the database, as many at once as there are: what gathers while one transaction is under way is the next.
/// While the database is away those who wait go on waiting, and their events stay in their queues.
/// </summary>
internal sealed partial class OutcomeWriter(OutcomeStore store, TimeProvider time, ILogger<OutcomeWriter> logger) : BackgroundService
{
    private const int BatchMax = 1_000;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private readonly Channel<Waiting> _waiting = Channel.CreateUnbounded<Waiting>(new() { SingleReader = true });

    /// <summary>Returns when it is committed.</summary>
    public async Task WriteAsync(EventOutcome outcome)
    {
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_waiting.Writer.TryWrite(new(outcome, written)))
        {
            throw new OperationCanceledException("The process stops");
        }

        await written.Task;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(stoppingToken))
            {
                var batch = new List<Waiting>();
                while (batch.Count < BatchMax && _waiting.Reader.TryRead(out var next))
                {
                    batch.Add(next);
                }

                await WriteAsync(batch, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Whoever still waits has not acked its event.
        }
        finally
        {
            _waiting.Writer.TryComplete();
            while (_waiting.Reader.TryRead(out var left))
            {
                left.Written.TrySetCanceled(CancellationToken.None);
            }
        }
    }

    private async Task WriteAsync(List<Waiting> batch, CancellationToken stoppingToken)
    {
        // Of one event that comes twice the later word counts.
        var outcomes = batch.Select(each => each.Outcome).Reverse().DistinctBy(outcome => outcome.RequestId).OrderBy(outcome => outcome.RequestId).ToList();
        try
        {
            while (!await TryWriteAsync(outcomes, stoppingToken))
            {
                await Task.Delay(Pause, time, stoppingToken);
            }

            batch.ForEach(each => each.Written.TrySetResult());
        }
        finally
        {
            batch.ForEach(each => each.Written.TrySetCanceled(CancellationToken.None));
        }
    }

    private async Task<bool> TryWriteAsync(List<EventOutcome> outcomes, CancellationToken stoppingToken)
    {
        try
        {
            await store.WriteAsync(outcomes, stoppingToken);
            return true;
        }
        catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
        {
            LogFailed(failure, outcomes.Count);
            return false;
        }
    }

    private sealed record Waiting(EventOutcome Outcome, TaskCompletionSource Written);

    [LoggerMessage(2210, LogLevel.Warning, "{Count} outcomes of events could not be written; they wait")]
    private partial void LogFailed(Exception failure, int count);
}
