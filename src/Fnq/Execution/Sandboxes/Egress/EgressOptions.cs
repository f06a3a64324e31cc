using System.Net;
using Fnq.Dispatch;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>What the functions of a worker may reach beyond their own loopback.</summary>
internal sealed record EgressOptions
{
    /// <summary>One of <see cref="EgressMode"/>. Without a word from anybody nothing is reached.</summary>
    public string Mode { get; init; } = EgressMode.None;

    /// <summary>Services that all functions may reach, private addresses and addresses of this host included.</summary>
    public IReadOnlyList<EgressRule> Allow { get; init; } = [];

    /// <summary>
    /// Where sandboxes get their addresses from, one each. By default a part of the benchmarking range (RFC 2544), which
    /// nobody routes and private networks do not use.
    /// </summary>
    public IPNetwork Network { get; init; } = IPNetwork.Parse("198.18.0.0/20");

    /// <summary>IPv4 addresses of resolvers; empty takes the host's own.</summary>
    public IReadOnlyList<IPAddress> Resolvers { get; init; } = [];
}

/// <summary>What one function may reach: public addresses, what the worker opens for all, and this.</summary>
internal sealed record EgressPolicy(IReadOnlyList<EgressRule> Allow)
{
    /// <summary>Null: nothing.</summary>
    internal static EgressPolicy? Of(Deployment deployment) => deployment.Egress == EgressMode.None
        ? null
        : new(EgressRule.ParseList(string.Join(' ', deployment.EgressAllow)) ?? []);
}
