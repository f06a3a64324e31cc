using System.Collections.Concurrent;
using Fnq.Contracts;
using Fnq.Messaging;
using MassTransit;

namespace Fnq.Functions.Changes;

/// <summary>Tells every node of a change and completes it when all know (architecture 2.4).</summary>
internal sealed partial class ChangeAnnouncer(
    IBus bus, NoticeAddress address, NodeRegistry registry, FunctionStore store, TimeProvider time, ILogger<ChangeAnnouncer> logger)
    : IFunctionChanges
{
    private static readonly TimeSpan PublishLimit = TimeSpan.FromSeconds(2);

    /// <summary>A runtime may have to be built first; the reconciler would begin again after a crash.</summary>
    private static readonly TimeSpan PreparationLimit = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<string, Pending> _pending = new();

    /// <summary>Whether this process waits for acknowledgements of the revision already.</summary>
    public bool IsUnderWay(string revisionId) => _pending.ContainsKey(revisionId);

    /// <summary>Publishes, and completes the change in the background. A publish that fails is made up for by the reconciler.</summary>
    public async Task AnnounceAsync(FunctionKey function, string revisionId, DeploymentId? deployment, CancellationToken cancellationToken)
    {
        try
        {
            var pending = new Pending(new ChangeWait(await registry.LiveAsync(cancellationToken), needsWorker: deployment is not null));
            _pending[revisionId] = pending;
            using var limit = new CancellationTokenSource(PublishLimit, time);
            await bus.Publish(
                new FunctionChanged { Function = function, RevisionId = revisionId, Deployment = deployment },
                context => context.ResponseAddress = address.Value, limit.Token);
            _ = CompleteAsync(function, revisionId, pending);
        }
        catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            _pending.TryRemove(revisionId, out _);
            LogAnnounceFailed(error, function.Arn, revisionId);
        }
    }

    public void Acknowledge(FunctionChangeAcknowledged acknowledgement)
    {
        if (_pending.TryGetValue(acknowledgement.RevisionId, out var pending))
        {
            pending.Update(wait => wait.Acknowledge(acknowledgement));
        }
    }

    private async Task CompleteAsync(FunctionKey function, string revisionId, Pending pending)
    {
        try
        {
            pending.Update(_ => { });
            try
            {
                await pending.Decided.WaitAsync(NodeRegistry.Lease, time);
            }
            catch (TimeoutException)
            {
                pending.Update(wait => wait.LeasesRanOut());
            }

            var (verdict, reason) = await pending.Decided.WaitAsync(PreparationLimit, time);
            await store.CompleteAsync(function, revisionId, verdict == ChangeVerdict.Successful, reason, CancellationToken.None);
            LogCompleted(function.Arn, revisionId, verdict);
        }
        catch (Exception error)
        {
            LogCompletionFailed(error, function.Arn, revisionId);
        }
        finally
        {
            _pending.TryRemove(revisionId, out _);
        }
    }

    private sealed class Pending(ChangeWait wait)
    {
        private readonly TaskCompletionSource<(ChangeVerdict, string?)> _decided = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<(ChangeVerdict Verdict, string? Reason)> Decided => _decided.Task;

        public void Update(Action<ChangeWait> change)
        {
            lock (wait)
            {
                change(wait);
                if (wait.Verdict != ChangeVerdict.Waiting)
                {
                    _decided.TrySetResult((wait.Verdict, wait.Reason));
                }
            }
        }
    }

    [LoggerMessage(4000, LogLevel.Warning, "Revision {Revision} of {Function} could not be announced; it will be again")]
    private partial void LogAnnounceFailed(Exception error, string function, string revision);

    [LoggerMessage(4001, LogLevel.Error, "Revision {Revision} of {Function} could not be completed; it will be again")]
    private partial void LogCompletionFailed(Exception error, string function, string revision);

    [LoggerMessage(4002, LogLevel.Information, "Revision {Revision} of {Function}: {Verdict}")]
    private partial void LogCompleted(string function, string revision, ChangeVerdict verdict);
}
