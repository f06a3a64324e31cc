using System.Net;
using Fnq.Dispatch;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>A worker's table in the kernel; the words are <see cref="EgressRuleset"/>'s.</summary>
internal sealed class EgressFilter(string tag, Nft nft)
{
    internal Task InstallAsync(EgressOptions options, IReadOnlyList<IPAddress> resolvers) =>
        nft.ApplyAsync(new EgressRuleset(tag, options, resolvers).Write());

    internal Task GuardAsync(IReadOnlyList<string> links) => nft.ApplyAsync(EgressRuleset.Guard(tag, links));

    internal Task AllowAsync(int link, IReadOnlyList<EgressRule> rules) => nft.ApplyAsync(EgressRuleset.Allow(tag, link, rules));

    /// <summary>What stays of a link that is no more opens nothing to anybody, and goes with the table.</summary>
    internal Task TryForbidAsync(int link, IReadOnlyList<EgressRule> rules) => TryAsync(EgressRuleset.Forbid(tag, link, rules));

    /// <summary>There may be none.</summary>
    internal Task TryRemoveAsync() => TryAsync(EgressRuleset.Delete(tag));

    private async Task TryAsync(string ruleset)
    {
        try
        {
            await nft.ApplyAsync(ruleset);
        }
        catch (SandboxException)
        {
            // As said above.
        }
    }
}
