namespace Fnq.Invocations;

/// <param name="AlwaysInLane">Environments are consumers of their lanes all the time: a worker without callers in its process, or local hand-off switched off.</param>
internal sealed record LaneOptions(string PlatformAmqpUrl, bool AlwaysInLane);
