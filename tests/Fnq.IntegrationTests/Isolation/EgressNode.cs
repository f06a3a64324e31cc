using System.Text.Json.Nodes;
using Fnq.Execution.Sandboxes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>A node of its own whose functions may leave, the network that they meet, and a function that tries everything.</summary>
public sealed class EgressNode(Platform platform) : IAsyncLifetime
{
    /// <summary>What the operator opens for all functions: one port of one private host, and one of this host itself.</summary>
    internal const int OpenHostPort = 18_321, ClosedHostPort = 18_322;

    private const string Code = """
        import concurrent.futures, socket, urllib.request

        def attempt(target):
            host, port = target.rsplit(':', 1)
            try:
                with socket.create_connection((host, int(port)), timeout=1.5):
                    return 'open'
            except OSError as e:
                return f'{type(e).__name__}: {e}'

        def fetch(url):
            try:
                with urllib.request.urlopen(url, timeout=1.5) as answer:
                    return answer.read().decode()
            except OSError as e:
                return f'{type(e).__name__}: {e}'

        def address():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.connect(('203.0.113.10', 9))
                return s.getsockname()[0]

        def flood(target, count):
            host, port = target.rsplit(':', 1)
            for i in range(count):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.sendto(b'x', (host, int(port)))

        def handler(event, context):
            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                result = dict(zip(event.get('connect', []), pool.map(attempt, event.get('connect', []))))
                result |= dict(zip(event.get('fetch', []), pool.map(fetch, event.get('fetch', []))))
            if 'flood' in event:
                flood(event['flood'], event['count'])
            if 'address' in event:
                result['address'] = address()
            if 'listen' in event:
                with socket.create_server(('0.0.0.0', event['listen'])) as s:
                    s.settimeout(event['seconds'])
                    try:
                        s.accept()
                        result['heard'] = True
                    except TimeoutError:
                        result['heard'] = False
            if 'links' in event:
                result['links'] = [line.split(':')[0].strip() for line in open('/proc/net/dev').readlines()[2:]]
                result['resolv'] = open('/etc/resolv.conf').read()
            return result
        """;

    private OutsideNetwork? _outside;
    private FnqProcess? _node;

    internal FnqProcess Node => _node!;

    internal LambdaApi Api { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        if (Missing() is not null)
        {
            return;
        }

        _outside = OutsideNetwork.Start();
        _node = await platform.StartServerAsync("egress", new Dictionary<string, string?>
        {
            ["FNQ_EGRESS_DNS"] = OutsideNetwork.Resolver,
            ["FNQ_EGRESS_ALLOW"] = $"{OutsideNetwork.OtherPrivate}:{OutsideNetwork.OtherPort} {OutsideNetwork.Host}:{OpenHostPort}",
        });
        Api = new LambdaApi(_node.Address, Platform.AccessKeyId, Platform.Secret, "eu-west-1", troubles: () => _node.Troubles);
    }

    public async ValueTask DisposeAsync()
    {
        Api?.Dispose();
        if (_node is not null)
        {
            await _node.DisposeAsync();
        }

        _outside?.Dispose();
    }

    internal static string? Missing() =>
        Environment.UserName != "root" ? "making network namespaces needs root"
        : OciRuntime.Find("nft") is null ? "nftables is not installed: apt-get install nftables"
        : null;

    internal void SkipWhereItCannotRun()
    {
        Assert.SkipWhen(Missing() is not null, Missing() ?? "");
        Assert.DoesNotContain("NO EGRESS", Node.Log, StringComparison.Ordinal);
    }

    internal Task<string> DeployAsync(params (string Name, string Value)[] tags) => Api.DeployAsync(Code, request =>
    {
        request["Timeout"] = 30;
        request["MemorySize"] = 512;
        request["Tags"] = new JsonObject(tags.Select(tag => KeyValuePair.Create(tag.Name, (JsonNode?)tag.Value)));
    });

    internal async Task<JsonNode> CallAsync(string function, JsonObject call) => await Api.CallAsync(function, call.ToJsonString());

    internal async Task<IReadOnlyDictionary<string, string>> TryAsync(string function, string how, params string[] targets)
    {
        var result = await CallAsync(function, new JsonObject { [how] = new JsonArray([.. targets.Select(target => (JsonNode)target)]) });
        return targets.ToDictionary(target => target, target => (string)result[target]!);
    }

    /// <summary>Packets that the node's filter has dropped.</summary>
    internal async Task<long> DroppedAsync()
    {
        var rules = await Shell.RunAsync("nft", ["-j", "list", "counter", "inet", $"fnq_{Tag(Node.Pid)}", "dropped"]);
        return JsonNode.Parse(rules.Checked)!["nftables"]!.AsArray().Select(entry => entry!["counter"]).OfType<JsonNode>().Sum(counter => (long)counter["packets"]!);
    }

    /// <summary>What a worker's table and links are named by; null when it is not known (any more).</summary>
    internal static string? Tag(int workerPid) => Directory.EnumerateFiles("/run/fnq/owners").Select(path => Path.GetFileName(path))
        .Where(name => name.StartsWith($"{workerPid}-", StringComparison.Ordinal)).Select(name => name.Split('-')[1][..7]).SingleOrDefault();

    internal static IReadOnlyList<string> LinksOf(string tag) =>
        [.. Directory.EnumerateDirectories("/sys/class/net").Select(path => Path.GetFileName(path)).Where(name => name.StartsWith($"fnq{tag}.", StringComparison.Ordinal))];

    internal static async Task<bool> HasTableAsync(string tag) =>
        (await Shell.RunAsync("nft", ["list", "tables"])).Checked.Contains($"fnq_{tag}", StringComparison.Ordinal);
}
