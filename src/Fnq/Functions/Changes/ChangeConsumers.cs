using Fnq.Contracts;
using Fnq.Dispatch;
using MassTransit;

namespace Fnq.Functions.Changes;

/// <summary>On every node: forget what was cached, say so; on a worker also make ready and say whether it can run.</summary>
internal sealed class FunctionChangedConsumer(
    FunctionCatalog catalog, IDeployments deployments, NodeId node, IDeploymentPreparation? preparation = null) : IConsumer<FunctionChanged>
{
    public async Task Consume(ConsumeContext<FunctionChanged> context)
    {
        var change = context.Message;
        catalog.Invalidate(change.Function);
        preparation?.RetireOlder(change.Function, "$LATEST", change.Deployment);
        await context.RespondAsync(Acknowledge(change, canRun: null, reason: null));
        if (preparation is null || change.Deployment is not { } id)
        {
            return;
        }

        // Not the context's token: it fires when the channel drops, and the preparation is wanted all the same.
        var deployment = await deployments.FindAsync(id, CancellationToken.None);
        var reason = deployment is null ? "The function was deleted." : await preparation.PrepareAsync(deployment, CancellationToken.None);
        await context.RespondAsync(Acknowledge(change, canRun: reason is null, reason));
    }

    private FunctionChangeAcknowledged Acknowledge(FunctionChanged change, bool? canRun, string? reason) => new()
    {
        Function = change.Function,
        RevisionId = change.RevisionId,
        Node = node,
        CanRun = canRun,
        Reason = reason,
    };
}

internal sealed class FunctionChangeAcknowledgedConsumer(ChangeAnnouncer announcer) : IConsumer<FunctionChangeAcknowledged>
{
    public Task Consume(ConsumeContext<FunctionChangeAcknowledged> context)
    {
        announcer.Acknowledge(context.Message);
        return Task.CompletedTask;
    }
}
