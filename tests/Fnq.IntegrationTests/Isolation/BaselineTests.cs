using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Faults;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>A worker after a round of attacks has what it had before them, and after its end nothing is left of it.</summary>
[Collection(Platform.Collection)]
public sealed class BaselineTests(Platform platform)
{
    private const string Wrecking = """
        import os, signal, socket, sys, time
        if os.environ.get("AT_INIT"):
            os._exit(9)
        def handler(event, context):
            match event.get("do"):
                case "bomb":
                    while True:
                        try: os.fork()
                        except OSError: pass
                case "daemon":
                    if os.fork() == 0:
                        os.setsid()
                        if os.fork() == 0:
                            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
                            while True: time.sleep(1)
                        os._exit(0)
                case "memory":
                    hoard = []
                    while True: hoard.append(bytearray(b"x" * 1048576))
                case "files":
                    with open("/tmp/big", "wb") as file:
                        for _ in range(60): file.write(b"x" * 1048576)
                    for i in range(3000): open(f"/tmp/{i}", "w").close()
                case "descriptors":
                    global held
                    held = [socket.socketpair() for _ in range(400)]
                case "exit":
                    os._exit(7)
                case "talk":
                    while True: sys.stdout.write("x" * 4096)
            return "alive"
        """;

    private static readonly string[] Attacks = ["bomb", "daemon", "memory", "files", "descriptors", "exit", "talk"];

    [Fact]
    public async Task I06_what_attacks_used_up_is_back_at_the_baseline_and_nothing_outlives_the_worker()
    {
        var folder = platform.NewFolder();
        var temporary = Directory.CreateDirectory(Path.Combine(folder, "temporary")).FullName;
        var node = await platform.StartServerAsync(folder, new Dictionary<string, string?> { ["FNQ_IDLE_TIMEOUT_SECONDS"] = "1", ["TMPDIR"] = temporary });
        var pid = node.Pid;
        await using (node)
        {
            using var api = new LambdaApi(node.Address, Platform.AccessKeyId, Platform.Secret, troubles: () => node.Troubles);

            // The first round opens what is opened once and kept: connections, pools, stocks.
            await AttackAsync(api);
            var baseline = await RestAsync(node, folder, null);
            for (var round = 0; round < 2; round++)
            {
                await AttackAsync(api);
            }

            await RestAsync(node, folder, baseline);
            TestContext.Current.SendDiagnosticMessage("baseline: {0}", string.Join(", ", baseline.Select(pair => $"{pair.Key} {pair.Value}")));
        }

        Assert.Empty(HostLeftovers.Of(pid));
        await Until.TrueAsync(() => HostLeftovers.ProcessesWithoutWorker().Count == 0, string.Join('\n', HostLeftovers.ProcessesWithoutWorker()));
    }

    private static async Task AttackAsync(LambdaApi api)
    {
        foreach (var attack in Attacks)
        {
            var name = await api.DeployAsync(Wrecking, request => (request["Timeout"], request["MemorySize"]) = (2, 128));
            var answer = await api.InvokeAsync(name, $$"""{"do":"{{attack}}"}""");
            Assert.True(answer.Status == 200, answer.Text);
        }

        var broken = await api.DeployAsync(Wrecking, request => request["Environment"] =
            new System.Text.Json.Nodes.JsonObject { ["Variables"] = new System.Text.Json.Nodes.JsonObject { ["AT_INIT"] = "1" } });
        Assert.Equal("Runtime.ExitError", (string?)(await api.FailAsync(broken))["errorType"]);
    }

    /// <summary>The figures once no environment is left; with a baseline, once they are back at it.</summary>
    private static async Task<IReadOnlyDictionary<string, int>> RestAsync(FnqProcess node, string folder, IReadOnlyDictionary<string, int>? baseline)
    {
        IReadOnlyDictionary<string, int> counts = new Dictionary<string, int>();
        await Until.TrueAsync(() => HostSandbox.CountOf(node.Pid) == 0, "no function has a process left", TimeSpan.FromSeconds(60));
        try
        {
            await Until.TrueAsync(
                () =>
                {
                    var before = counts;
                    counts = HostLeftovers.CountsOf(node.Pid, folder);
                    return baseline is null ? before.SequenceEqual(counts) : Excess(baseline, counts).Count == 0;
                },
                "back at the baseline", TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException)
        {
            Assert.Empty(Excess(baseline ?? new Dictionary<string, int>(), counts));
        }

        return counts;
    }

    private static List<string> Excess(IReadOnlyDictionary<string, int> baseline, IReadOnlyDictionary<string, int> counts) =>
    [
        .. counts.Where(pair => pair.Value > baseline.GetValueOrDefault(pair.Key) + Slack(pair.Key))
            .Select(pair => $"{pair.Key}: {pair.Value}, before {baseline.GetValueOrDefault(pair.Key)}"),
    ];

    /// <summary>Connections to broker, database and clients come and go with load; so do the runtime's own files.</summary>
    private static int Slack(string kind) => kind is "descriptors: socket" or "descriptors: anon_inode" or "descriptors: files" ? 16 : 0;
}
