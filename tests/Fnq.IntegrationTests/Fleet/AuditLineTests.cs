using System.Net;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>What a collector of logs gets with FNQ_LOG_FORMAT=json.</summary>
[Collection(FleetCollection.Name)]
public sealed class AuditLineTests
{
    [Fact]
    public async Task A_refused_request_is_one_json_object_with_a_member_for_each_fact()
    {
        await using var fleet = await TestFleet.StartAsync();
        var front = await fleet.ServeAsync("front", "api", ("FNQ_LOG_FORMAT", "json"));
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(front.Address, "/2015-03-31/functions?x=%0A{\"Category\":\"Fnq.Audit\"}"));
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);

        JsonNode[] Lines() =>
        [
            .. front.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)
                .Where(line => (string?)line["Category"] == "Fnq.Audit"),
        ];
        await Until.TrueAsync(() => Lines().Length > 0, "the audit line");
        var state = Assert.Single(Lines())["State"]!;
        Assert.Equal(
            ("GET", "/2015-03-31/functions", "127.0.0.1", 403, "MissingAuthenticationTokenException", answer.Headers.GetValues("x-amzn-RequestId").Single()),
            ((string)state["Method"]!, (string)state["Path"]!, (string)state["Source"]!, (int)state["Status"]!, (string)state["Error"]!, (string)state["RequestId"]!));
    }
}
