using Fnq.Contracts;
using Fnq.Messaging;

namespace Fnq.Functions.Changes;

/// <summary>Where a change stands.</summary>
internal enum ChangeVerdict
{
    Waiting,
    Successful,

    /// <summary>No worker can run it.</summary>
    Failed,
}

/// <summary>
/// Counts acknowledgements of one revision: known everywhere when every live node has said so (or its node lease has
/// run out), good when one worker can run it, bad when none can. Pure.
/// </summary>
internal sealed class ChangeWait(IReadOnlyList<LiveNode> nodes, bool needsWorker)
{
    private readonly HashSet<NodeId> _silent = [.. nodes.Select(node => node.Id)];
    private readonly HashSet<NodeId> _undecided = needsWorker ? [.. nodes.Where(node => node.IsWorker).Select(node => node.Id)] : [];
    private bool _canRun;

    /// <summary>The last reason a worker gave for not running it.</summary>
    public string? Reason { get; private set; }

    public void Acknowledge(FunctionChangeAcknowledged acknowledgement)
    {
        _silent.Remove(acknowledgement.Node);
        if (acknowledgement.CanRun is { } canRun)
        {
            _undecided.Remove(acknowledgement.Node);
            _canRun |= canRun;
            Reason = canRun ? Reason : acknowledgement.Reason;
        }
    }

    /// <summary>Nodes that have not spoken until now are dead, or may serve nothing without asking.</summary>
    public void LeasesRanOut()
    {
        _undecided.ExceptWith(_silent);
        _silent.Clear();
    }

    public ChangeVerdict Verdict =>
        _silent.Count > 0 ? ChangeVerdict.Waiting
        : _canRun ? ChangeVerdict.Successful
        : _undecided.Count > 0 ? ChangeVerdict.Waiting
        : Reason is not null ? ChangeVerdict.Failed
        : ChangeVerdict.Successful;
}
