using Fnq.Dispatch;
using Fnq.Execution.Sandboxes;
using Fnq.Execution.Sandboxes.Egress;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.IntegrationTests.Sandboxes;

/// <summary>What a sandbox's link costs, by hand: <c>-explicit only -showLiveOutput -method "*What_a_link_costs"</c>.</summary>
public sealed class EgressCost
{
    private const int Links = 50;

    [Fact(Explicit = true)]
    public async Task What_a_link_costs()
    {
        var state = Directory.CreateTempSubdirectory("fnq-egress-").FullName;
        var network = EgressNetwork.Start("cost-0c057000", new() { Mode = EgressMode.Filtered }, state, NullLogger.Instance)!;
        using var host = Native.OpenHandle("/proc/self/ns/net", Native.OpenReadOnly);
        var time = TimeProvider.System;
        var (attached, opened, tagged) = (new List<double>(), new List<double>(), new List<double>());
        for (var i = 0; i < Links; i++)
        {
            using var inside = Enter(() => NetworkNamespace.Create(host));
            var begun = time.GetTimestamp();
            var link = network.Attach(inside);
            attached.Add(time.GetElapsedTime(begun).TotalMilliseconds);
            var isTagged = i % 5 == 0;
            begun = time.GetTimestamp();
            await link.OpenAsync(new(isTagged ? EgressRule.ParseList("10.0.0.5:5432")! : []));
            (isTagged ? tagged : opened).Add(time.GetElapsedTime(begun).TotalMilliseconds);
            await link.ForgetAsync();
        }

        await network.DisposeAsync();
        Directory.Delete(state, recursive: true);
        TestContext.Current.SendDiagnosticMessage(
            "ms, p50 and p95: attach {0}, open {1}, open with an allow list {2}", Figures(attached), Figures(opened), Figures(tagged));
    }

    private static string Figures(List<double> milliseconds)
    {
        milliseconds.Sort();
        return $"{milliseconds[milliseconds.Count / 2]:0.00} {milliseconds[milliseconds.Count * 95 / 100]:0.00}";
    }

    private static NetworkNamespace Enter(Func<NetworkNamespace> make)
    {
        NetworkNamespace? made = null;
        var thread = new Thread(() => made = make());
        thread.Start();
        thread.Join();
        return made!;
    }
}
