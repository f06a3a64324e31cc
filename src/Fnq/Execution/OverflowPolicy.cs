namespace Fnq.Execution;

/// <summary>What a deployment's pool looks like when somebody waits for an environment.</summary>
/// <param name="Waiting">Requests that hold no environment yet, the newest included.</param>
/// <param name="Environments">Those that live here, busy or idle.</param>
/// <param name="Starting">Starts in flight for this deployment.</param>
/// <param name="StartsOnNode">Starts in flight for all deployments of the node.</param>
/// <param name="MedianRun">Null before the first run has ended.</param>
/// <param name="ColdStart">As measured here lately.</param>
/// <param name="Waited">How long the first of them has waited: runs may be longer than the median says.</param>
internal readonly record struct OverflowSituation(
    int Waiting,
    int Environments,
    int Starting,
    int StartsOnNode,
    TimeSpan? MedianRun,
    TimeSpan ColdStart,
    int Cores,
    bool HasRoom,
    TimeSpan Waited = default);

internal enum OverflowDecision
{
    /// <summary>An environment that frees will come sooner than a new one.</summary>
    Wait,
    Start,

    /// <summary>Wait here, and call other nodes to the lane: this one has no room for another environment.</summary>
    CallForHelp,

    /// <summary>Neither an environment nor room for one: the request is for another node.</summary>
    Refuse,
}

/// <summary>Whether those who wait are served sooner by what runs or by another start. Pure.</summary>
internal static class OverflowPolicy
{
    public static OverflowDecision Decide(in OverflowSituation now)
    {
        if (now.Waiting <= now.Starting || !IsWorthAStart(now))
        {
            return OverflowDecision.Wait;
        }

        if (!now.HasRoom)
        {
            return now.Environments + now.Starting == 0 ? OverflowDecision.Refuse : OverflowDecision.CallForHelp;
        }

        // The first start of a deployment never queues behind the starts of others.
        return now.StartsOnNode >= now.Cores && now.Environments + now.Starting > 0
            ? OverflowDecision.Wait
            : OverflowDecision.Start;
    }

    private static bool IsWorthAStart(in OverflowSituation now)
    {
        if (now.Environments == 0 || now.Waited > now.ColdStart || LeavesCoresIdle(now) || now.MedianRun is not { } median)
        {
            return true;
        }

        var expectedWait = (now.Waiting - now.Starting) * median / now.Environments;
        return expectedWait > now.ColdStart;
    }

    /// <summary>However short the runs are: more wait than run, and there is a core for another to run on.</summary>
    private static bool LeavesCoresIdle(in OverflowSituation now) =>
        now.Environments + now.Starting < now.Cores && now.Waiting - now.Starting > now.Environments;
}
