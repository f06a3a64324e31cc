using System.Net;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Events;
using Fnq.IntegrationTests.Journeys;
using Fnq.Invocations.Events;
using Fnq.Storage;
using Npgsql;
using Xunit;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>Row A31: addresses that users have the server connect to.</summary>
[Collection(Platform.Collection)]
public sealed class WebhookInputTests(Platform platform, GoodFunction good) : HostileInput(platform, good)
{
    private readonly Platform _platform = platform;

    [Fact]
    public async Task A31_urls_that_are_none_are_refused_when_they_are_configured()
    {
        foreach (var url in (string[])["file:///etc/passwd", "http://user:secret@example.org/", "gopher://example.org/", "//example.org/", "http://", "http://a b/"])
        {
            Assert.Equal(400, (await PutAsync(Good, url)).Status);
        }
    }

    [Fact]
    public async Task A31_private_addresses_in_every_spelling_are_not_connected_to()
    {
        await using var inside = new Webhook("127.0.0.1");
        var port = new Uri(inside.Url).Port;
        string[] hosts =
        [
            "127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1",
            "[fd00::1]", "127.0.0.1.",
        ];
        var outcomes = await Task.WhenAll(hosts.Select(host => DeliverAsync($"http://{host}:{port}/")));
        Assert.All(outcomes, error => Assert.NotNull(error));
        Assert.All(outcomes[..6], error => Assert.Contains("no public address", error, StringComparison.Ordinal));
        Assert.False(inside.WasReached);
    }

    [Fact]
    public async Task A31_a_redirect_is_not_followed()
    {
        await using var inside = new Webhook("127.0.0.1");
        await using var outside = new Webhook(Platform.WebhookAddress, redirectTo: inside.Url);
        Assert.EndsWith($"HTTP {(int)HttpStatusCode.Found}", await DeliverAsync(outside.Url), StringComparison.Ordinal);
        Assert.True(outside.WasReached);
        Assert.False(inside.WasReached);
    }

    private Task<ApiAnswer> PutAsync(string name, string url) => Api.SendJsonAsync(
        "PUT", $"/2019-09-25/functions/{name}/event-invoke-config",
        new JsonObject { ["DestinationConfig"] = new JsonObject { ["OnSuccess"] = new JsonObject { ["Destination"] = url } } });

    /// <summary>Why the outcome of an event was not delivered to an address; null when it was.</summary>
    private async Task<string?> DeliverAsync(string url)
    {
        var name = await Api.DeployAsync("def handler(event, context):\n    return 'well'\n");
        var put = await PutAsync(name, url);
        if (put.Status != 200)
        {
            return put.Text;
        }

        var id = Guid.Parse((await Api.InvokeAsync(name, "{}", new Dictionary<string, string> { ["X-Amz-Invocation-Type"] = "Event" })).RequestId);
        await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(_platform.PostgresUrl));
        EventOutcome? outcome = null;
        await Until.TrueAsync(
            async () => (outcome = await new OutcomeStore(source).FindAsync(id, CancellationToken.None)) is { Condition: not null },
            $"the event for {url} has an outcome", TimeSpan.FromSeconds(90));
        return outcome!.DeliveryError;
    }
}
