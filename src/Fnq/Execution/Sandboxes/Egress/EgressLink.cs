using Fnq.Dispatch;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>A sandbox's link to the host. It is closed until it is opened: its inner end is down and no route leads to it.</summary>
/// <param name="inside">The sandbox's namespace.</param>
/// <param name="index">Of the outer end; never used again while this host runs.</param>
/// <param name="innerIndex">Of the inner end, in the sandbox's namespace.</param>
/// <param name="filter">Of the worker.</param>
internal sealed class EgressLink(NetworkNamespace inside, int index, int innerIndex, EgressFilter filter)
{
    private IReadOnlyList<EgressRule> _allowed = [];

    internal int Index => index;

    /// <summary>Before anything of the user runs. Without a policy it stays closed.</summary>
    internal async Task OpenAsync(EgressPolicy? policy)
    {
        if (policy is null)
        {
            return;
        }

        if (policy.Allow.Count > 0)
        {
            await filter.AllowAsync(index, policy.Allow);
            _allowed = policy.Allow;
        }

        var netlink = new Netlink(inside.Routes);
        netlink.Raise(innerIndex);
        netlink.AddDefaultRoute(innerIndex);
    }

    /// <summary>What was opened for it alone. The link itself goes with its namespace.</summary>
    internal Task ForgetAsync() => _allowed.Count > 0 ? filter.TryForbidAsync(index, _allowed) : Task.CompletedTask;
}
