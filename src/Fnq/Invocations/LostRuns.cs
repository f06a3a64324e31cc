using Fnq.Contracts;
using Fnq.Dispatch;

namespace Fnq.Invocations;

/// <summary>The record of a run that died with its worker: zero milliseconds, written by whoever answers for it.</summary>
internal sealed class LostRuns(NodeId node, TimeProvider time)
{
    public InvocationRecord RecordOf(Deployment deployment, InvocationRequest request) => new()
    {
        RunId = request.RunId,
        RequestId = request.RequestId,
        Function = deployment.Function,
        Version = deployment.Version,
        Deployment = deployment.Id,
        Architecture = deployment.Architecture,
        Trigger = request.Trigger,
        Attempt = request.Attempt,
        Delivery = request.Delivery,
        MemorySizeMb = deployment.MemorySizeMb,
        EphemeralStorageMb = deployment.EphemeralStorageMb,
        BilledMilliseconds = 0,
        DurationMilliseconds = 0,
        InitMilliseconds = 0,
        PeakMemoryMb = 0,
        Outcome = RunOutcome.PlatformLost,
        Worker = node,
        Environment = "",
        StartedAt = time.GetUtcNow(),
    };
}
