using Fnq.Dispatch;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>A sandbox's link to the host. It is closed until it is opened: its inner end is down and no route leads to it.</summary>
/// <param name="Index">Of the outer end; never used again while this host runs.</param>
/// <param name="InnerIndex">Of the inner end, in the sandbox's namespace.</param>
internal sealed record EgressLink(int Index, int InnerIndex)
{
    /// <summary>What was opened for this sandbox alone, to be forgotten with it.</summary>
    internal IReadOnlyList<EgressRule> Allowed { get; set; } = [];
}
