using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Faults;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation;

/// <summary>What a function reaches (promises 4.12).</summary>
[Collection(Platform.Collection)]
public sealed class EgressTests(Platform platform, EgressNode node) : IClassFixture<EgressNode>
{
    private const string Public = $"{OutsideNetwork.Public}:8080", Private = $"{OutsideNetwork.Private}:8080", Open = "open";

    [Fact]
    public async Task H25_public_addresses_are_reached_and_names_of_them_resolve()
    {
        node.SkipWhereItCannotRun();
        var function = await node.DeployAsync();

        Assert.Equal(Open, (await node.TryAsync(function, "connect", Public))[Public]);
        var byName = $"http://{OutsideNetwork.Public.Replace('.', '-')}.test:8080/";
        Assert.Equal("hello", (await node.TryAsync(function, "fetch", byName))[byName]);
        var inside = await node.CallAsync(function, new JsonObject { ["links"] = true });
        Assert.Equal(["eth0", "lo"], inside["links"]!.AsArray().Select(link => (string)link!).Order());
        Assert.StartsWith($"nameserver {OutsideNetwork.Resolver}\n", (string)inside["resolv"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task H25_metadata_private_addresses_the_host_and_its_servers_are_out_of_reach_and_counted()
    {
        node.SkipWhereItCannotRun();
        using var hostListener = new TcpListener(IPAddress.Any, EgressNode.ClosedHostPort);
        hostListener.Start();
        var function = await node.DeployAsync();
        string[] dropped =
        [
            $"{OutsideNetwork.Metadata}:8080", Private, $"{OutsideNetwork.OtherPrivate}:8080", "10.0.0.1:80", "100.64.0.1:80", "172.17.0.1:80",
            "192.168.0.1:80", "224.0.0.1:80", "240.0.0.1:80", "198.18.0.1:80", $"{OutsideNetwork.Host}:{EgressNode.ClosedHostPort}",
            .. HostAddresses().Except([OutsideNetwork.Host]).Select(address => $"{address}:{EgressNode.ClosedHostPort}"), $"{OutsideNetwork.Public}:53", $"{OutsideNetwork.Public}:853",
        ];

        // Their own loopback and nothing else: broker, database, the worker's and the API's ports are the host's.
        string[] local = [.. platform.ServerPorts.Append(node.Node.Port).Append(platform.Server.Port).Select(port => $"127.0.0.1:{port}"), "[fd00:ec2::254]:80"];
        Assert.All([$"{OutsideNetwork.Metadata}:8080", Private, $"{OutsideNetwork.Host}:{EgressNode.ClosedHostPort}"], CanBeReachedFromTheHost);
        var before = await node.DroppedAsync();

        var tried = await node.TryAsync(function, "connect", [.. dropped, .. local.Select(target => target.Replace("[", "").Replace("]", ""))]);

        Assert.All(tried, target => Assert.False(target.Value == Open, $"{target.Key} is reached"));
        var counted = await node.DroppedAsync() - before;
        // Multicast has no route through TCP's eyes and is refused inside; every other one sends at least one packet.
        Assert.True(counted >= dropped.Length - 2, $"{counted} packets dropped for {dropped.Length} targets");
    }

    [Fact]
    public async Task H26_other_ways_to_write_or_to_come_to_a_forbidden_address_end_in_the_packet_filter()
    {
        node.SkipWhereItCannotRun();
        var function = await node.DeployAsync();
        string[] connects = [$"::ffff:{OutsideNetwork.Metadata}:8080", $"::ffff:{OutsideNetwork.Private}:8080", "2852039166:8080", "0xa9fea9fe:8080", "169-254-169-254.test:8080", "10-200-0-10.test:8080"];
        string[] fetches =
        [
            $"http://{Public}/to/{OutsideNetwork.Metadata}:8080", $"http://{Public}/to/{Private}", $"http://{Public}/to/2852039166:8080",
            $"http://{Public}/to/169-254-169-254.test:8080",
        ];
        var before = await node.DroppedAsync();

        Assert.All(await node.TryAsync(function, "connect", connects), target => Assert.Contains("timed out", target.Value, StringComparison.Ordinal));
        Assert.All(await node.TryAsync(function, "fetch", fetches), target => Assert.Contains("timed out", target.Value, StringComparison.Ordinal));
        var counted = await node.DroppedAsync() - before;
        Assert.True(counted >= connects.Length + fetches.Length, $"{counted} packets dropped");

        // The redirect itself does lead on where it may.
        var allowed = $"http://{Public}/to/{Public}";
        Assert.Equal("hello", (await node.TryAsync(function, "fetch", allowed))[allowed]);
    }

    [Fact]
    public async Task H25_one_environment_does_not_reach_another()
    {
        node.SkipWhereItCannotRun();
        var (one, other) = (await node.DeployAsync(), await node.DeployAsync(("fnq:egress-allow", "10.0.0.0/8")));
        var address = (string)(await node.CallAsync(one, new JsonObject { ["address"] = true }))["address"]!;
        Assert.StartsWith("198.18.", address, StringComparison.Ordinal);
        await node.TryAsync(other, "connect", Public);
        var before = await node.DroppedAsync();

        var listening = node.CallAsync(one, new JsonObject { ["listen"] = 7_000, ["seconds"] = 6 });
        await Until.TrueAsync(async () => (await node.TryAsync(other, "connect", $"{address}:7000"))[$"{address}:7000"] != Open && await node.DroppedAsync() > before + 1, "packets to the other are dropped");
        Assert.False((bool)(await listening)["heard"]!);
    }

    [Fact]
    public async Task H25_egress_none_leaves_loopback_alone_and_fails_at_once()
    {
        node.SkipWhereItCannotRun();
        var function = await node.DeployAsync(("fnq:egress", "none"));

        var tried = await node.TryAsync(function, "connect", Public, Private, $"{OutsideNetwork.OtherPrivate}:5432", $"{OutsideNetwork.Metadata}:8080");

        Assert.All(tried, target => Assert.Contains("Network is unreachable", target.Value, StringComparison.Ordinal));
    }

    [Fact]
    public async Task H25_an_allow_list_opens_what_it_names_and_no_more()
    {
        node.SkipWhereItCannotRun();
        using var hostListener = new TcpListener(IPAddress.Any, EgressNode.OpenHostPort);
        hostListener.Start();
        var (plain, tagged) = (await node.DeployAsync(), await node.DeployAsync(("fnq:egress-allow", $"{OutsideNetwork.Private}:5432")));
        string[] targets =
        [
            $"{OutsideNetwork.Private}:5432", $"{OutsideNetwork.Private}:8080", $"{OutsideNetwork.OtherPrivate}:5432",
            $"{OutsideNetwork.OtherPrivate}:8080", $"{OutsideNetwork.Host}:{EgressNode.OpenHostPort}",
        ];

        Assert.Equal([true, false, true, false, true], (await node.TryAsync(tagged, "connect", targets)).Values.Select(result => result == Open));
        Assert.Equal([false, false, true, false, true], (await node.TryAsync(plain, "connect", targets)).Values.Select(result => result == Open));
    }

    [Fact]
    public async Task H25_changing_the_tag_changes_what_runs_and_other_tags_do_not()
    {
        node.SkipWhereItCannotRun();
        var function = await node.DeployAsync();
        var tags = $"/2017-03-31/tags/{Uri.EscapeDataString($"arn:aws:lambda:eu-west-1:123456789012:function:{function}")}";
        Assert.Equal(Open, (await node.TryAsync(function, "connect", Public))[Public]);
        var revision = (string?)(await node.Api.ConfigurationAsync(function))["RevisionId"];

        Assert.Equal(204, (await node.Api.SendJsonAsync("POST", tags, Tagged("team", "blue"))).Status);
        Assert.Equal(revision, (string?)(await node.Api.ConfigurationAsync(function))["RevisionId"]);
        var bad = await node.Api.SendJsonAsync("POST", tags, Tagged("fnq:egress-allow", "169.254.169.254:80"));
        Assert.Equal((400, "InvalidParameterValueException"), (bad.Status, bad.ErrorType));

        Assert.Equal(204, (await node.Api.SendJsonAsync("POST", tags, Tagged("fnq:egress", "none"))).Status);
        await node.Api.WaitUntilActiveAsync(function);
        Assert.NotEqual(revision, (string?)(await node.Api.ConfigurationAsync(function))["RevisionId"]);
        Assert.NotEqual(Open, (await node.TryAsync(function, "connect", Public))[Public]);

        Assert.Equal(204, (await node.Api.SendAsync("DELETE", $"{tags}?tagKeys=fnq%3Aegress")).Status);
        await node.Api.WaitUntilActiveAsync(function);
        Assert.Equal(Open, (await node.TryAsync(function, "connect", Public))[Public]);
    }

    [Fact]
    public async Task H25_a_function_has_no_more_connections_than_its_limit()
    {
        node.SkipWhereItCannotRun();
        var (greedy, neighbour) = (await node.DeployAsync(), await node.DeployAsync());
        var before = await node.DroppedAsync();

        await node.CallAsync(greedy, new JsonObject { ["flood"] = $"{OutsideNetwork.Public}:9", ["count"] = 1_500 });

        var counted = await node.DroppedAsync() - before;
        Assert.InRange(counted, 450, 1_500);
        Assert.Equal(Open, (await node.TryAsync(neighbour, "connect", Public))[Public]);
    }

    [Fact]
    public async Task H25_a_killed_worker_leaves_no_link_no_namespace_and_a_peer_removes_its_table()
    {
        node.SkipWhereItCannotRun();
        await using var victim = await platform.StartServerAsync("egress-victim", new Dictionary<string, string?>());
        using var api = new LambdaApi(victim.Address, Platform.AccessKeyId, Platform.Secret, "eu-central-1");
        var function = await api.DeployAsync("def handler(event, context):\n    return 1");
        await api.CallAsync(function);
        var tag = EgressNode.Tag(victim.Pid)!;
        Assert.NotEmpty(EgressNode.LinksOf(tag));
        Assert.True(await EgressNode.HasTableAsync(tag));
        var namespaces = HostLeftovers.NetworkNamespacesOf(victim.Pid);

        victim.Kill();
        await victim.WaitForExitAsync();

        await Until.TrueAsync(() => EgressNode.LinksOf(tag).Count == 0, "its links have gone with its sandboxes");
        await Until.TrueAsync(async () => HostLeftovers.Of(victim.Pid).Count == 0 && !await EgressNode.HasTableAsync(tag), "a peer has swept", TimeSpan.FromSeconds(45));
        Assert.Empty(HostLeftovers.StrangersIn(namespaces));
        Assert.True(await EgressNode.HasTableAsync(EgressNode.Tag(node.Node.Pid)!));
    }

    private static JsonObject Tagged(string name, string value) => new() { ["Tags"] = new JsonObject { [name] = value } };

    private static void CanBeReachedFromTheHost(string target)
    {
        using var client = new TcpClient();
        client.Connect(IPEndPoint.Parse(target));
    }

    private static IEnumerable<string> HostAddresses() =>
        NetworkInterface.GetAllNetworkInterfaces().SelectMany(link => link.GetIPProperties().UnicastAddresses).Select(unicast => unicast.Address)
            .Where(address => address.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(address)).Select(address => address.ToString());
}
