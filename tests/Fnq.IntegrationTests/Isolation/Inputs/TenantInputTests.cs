using System.Globalization;
using System.Text.Json.Nodes;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>Rows A27, A33, A34: what belongs to others, pages that nobody gave out, and two hundred who want the same.</summary>
[Collection(Platform.Collection)]
public sealed class TenantInputTests(Platform platform, GoodFunction good) : HostileInput(platform, good)
{
    private const string OtherKey = "AKIDOTHERTENANT";
    private const string OtherSecret = "another/tenant+of+the+tests";
    private const string OtherAccount = "999999999999";

    [Fact]
    public async Task A27_what_another_account_owns()
    {
        using var other = await OtherTenantAsync();
        var arn = $"arn:aws:lambda:us-east-1:123456789012:function:{Good}";
        var escaped = Uri.EscapeDataString(arn);
        foreach (var (method, path, body) in ((string, string, string)[])
            [
                ("GET", $"{Functions}/{escaped}", ""), ("GET", $"{Functions}/{escaped}/configuration", ""), ("DELETE", $"{Functions}/{escaped}", ""),
                ("POST", $"{Functions}/{escaped}/invocations", "{}"), ("POST", $"{Functions}/{escaped}%3A%24LATEST/invocations", "{}"),
                ("PUT", $"{Functions}/{escaped}/configuration", """{"Description":"mine"}"""), ("PUT", $"{Functions}/{escaped}/code", """{"DryRun":true}"""),
                ("GET", $"/2017-03-31/tags/{escaped}", ""), ("POST", $"/2017-03-31/tags/{escaped}", """{"Tags":{"a":"b"}}"""), ("DELETE", $"/2017-03-31/tags/{escaped}?tagKeys=a", ""),
                ("GET", $"/2019-09-30/functions/{escaped}/concurrency", ""), ("GET", $"/2020-06-30/functions/{escaped}/code-signing-config", ""),
            ])
        {
            await RefusedAsync(other.SendAsync(method, path, System.Text.Encoding.UTF8.GetBytes(body)), 403, "AccessDeniedException");
        }

        await RefusedAsync(
            other.CreateAsync(LambdaApi.CreateRequest(arn, "python3.13", "app.handler", CodeZip.Of(("app.py", GoodFunction.Code)))), 403, "AccessDeniedException");

        // By name it is another function, which is not there; what is there is not told.
        await RefusedAsync(other.InvokeAsync(Good), 404, "ResourceNotFoundException", $":{OtherAccount}:function:{Good}");
        await RefusedAsync(other.SendAsync("GET", $"{Functions}/{Good}"), 404, "ResourceNotFoundException", $":{OtherAccount}:function:{Good}");
        Assert.Empty((await other.SendAsync("GET", Functions)).Json!["Functions"]!.AsArray());

        // The link to the code holds for this code only.
        var link = (string)(await Api.SendAsync("GET", $"{Functions}/{Good}")).Json!["Code"]!["Location"]!;
        Assert.Equal(200, (await Api.ExchangeAsync(new HttpRequestMessage(HttpMethod.Get, link))).Status);
        var digest = new Uri(link).Segments[^1];
        foreach (var forged in (string[])
        [
            link.Replace(digest, new string('0', 64), StringComparison.Ordinal), link.Replace("expires=", "expires=9", StringComparison.Ordinal),
            link[..^1] + "x", link.Split('?')[0],
        ])
        {
            var lines = AuditLines().Count();
            Assert.Equal(403, (await Api.ExchangeAsync(new HttpRequestMessage(HttpMethod.Get, forged))).Status);
            await Until.TrueAsync(() => AuditLines().Count() == lines + 1, "an audit line", TimeSpan.FromSeconds(5));
        }
    }

    [Fact]
    public async Task A33_markers_that_nobody_gave_out()
    {
        using var other = await OtherTenantAsync();
        await Api.DeployAsync(GoodFunction.Code);
        await Api.DeployAsync(GoodFunction.Code);
        var marker = (string)(await Api.SendAsync("GET", $"{Functions}?MaxItems=1")).Json!["NextMarker"]!;
        Assert.Equal(200, (await Api.SendAsync("GET", $"{Functions}?MaxItems=1&Marker={marker}")).Status);
        await RefusedAsync(other.SendAsync("GET", $"{Functions}?Marker={marker}"), 400, "InvalidParameterValueException", "Invalid Marker");
        await RefusedAsync(Api.SendAsync("GET", $"{Functions}?FunctionVersion=ALL&Marker={marker}"), 400, "InvalidParameterValueException", "Invalid Marker");
        foreach (var forged in (string[])["abc", "*", marker + "A", marker[1..], "MDowOmE", Uri.EscapeDataString("0:' or 1=1 --"), new('A', 7_000)])
        {
            await RefusedAsync(Api.SendAsync("GET", $"{Functions}?Marker={forged}"), 400, "InvalidParameterValueException", "Invalid Marker");
        }

        foreach (var items in (string[])["-1", "0", "2147483648", "99999999999999999999", "1.5", "abc", ""])
        {
            await RefusedAsync(Api.SendAsync("GET", $"{Functions}?MaxItems={items}"), 400, "ValidationException");
        }

        Assert.Equal(200, (await Api.SendAsync("GET", $"{Functions}?MaxItems=10000")).Status);
    }

    [Fact]
    public async Task A34_two_hundred_who_want_one_name()
    {
        var name = $"contested-{Guid.NewGuid():N}";
        var zips = Enumerable.Range(0, 8).Select(i => CodeZip.Of(("app.py", GoodFunction.Code + $"# {name} {i}\n"))).ToList();
        Task<ApiAnswer> Create(int i) => Api.CreateAsync(LambdaApi.CreateRequest(name, "python3.13", "app.handler", zips[i % zips.Count]));
        var created = await Task.WhenAll(Enumerable.Range(0, 200).Select(Create));
        Assert.Equal((1, 199), (created.Count(answer => answer.Status == 201), created.Count(answer => answer.Status == 409)));
        await Api.WaitUntilActiveAsync(name);

        var updated = await Task.WhenAll(Enumerable.Range(0, 200).Select(i =>
            Api.SendJsonAsync("PUT", $"{Functions}/{name}/code", new JsonObject { ["ZipFile"] = Convert.ToBase64String(zips[i % zips.Count]) })));
        Only(updated, 200, 409, 429);
        Assert.Contains(updated, answer => answer.Status == 200);

        var mixed = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => (i % 4) switch
        {
            0 => Create(i),
            1 => Api.SendJsonAsync("PUT", $"{Functions}/{name}/configuration", new JsonObject { ["Description"] = $"{i}" }),
            2 => Api.SendAsync("DELETE", $"{Functions}/{name}"),
            _ => Api.InvokeAsync(name, "1"),
        }));
        Only(mixed, 200, 201, 204, 404, 409, 429);

        // Whatever came last, nothing is left of it once it is deleted.
        await Until.TrueAsync(
            async () => (await Api.SendAsync("DELETE", $"{Functions}/{name}")).Status == 404, "the function is deleted");
        Assert.Equal(0, await CountAsync("select count(*) from functions where name = $1", name));
        await Until.TrueAsync(
            async () => await CountAsync("select count(*) from deployments where name = $1", name) == 0, "no deployment is left of it");
        await Until.TrueAsync(async () => await OrphansAsync(zips) == 0, "no package is left of it");
    }

    private static void Only(ApiAnswer[] answers, params int[] statuses) => Assert.All(
        answers, answer => Assert.True(statuses.Contains(answer.Status), $"{answer.Status} {answer.ErrorType} {answer.Text}"));

    private async Task<long> OrphansAsync(List<byte[]> zips)
    {
        var left = 0L;
        foreach (var zip in zips)
        {
            left += await CountAsync(
                "select count(*) from code_packages where digest = $1", Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(zip)));
        }

        return left;
    }

    private async Task<long> CountAsync(string sql, string value)
    {
        await using var database = Database();
        await using var command = database.CreateCommand(sql);
        command.Parameters.AddWithValue(value);
        return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }

    private async Task<LambdaApi> OtherTenantAsync()
    {
        await using var database = Database();
        await using var insert = database.CreateCommand(
            "insert into access_keys (id, secret, account_id, arn, user_id) values ($1, $2, $3, $4, 'AIDAOTHER') on conflict do nothing");
        foreach (var value in (string[])[OtherKey, OtherSecret, OtherAccount, $"arn:aws:iam::{OtherAccount}:user/other"])
        {
            insert.Parameters.AddWithValue(value);
        }

        await insert.ExecuteNonQueryAsync();
        return new LambdaApi(Server.Address, OtherKey, OtherSecret);
    }
}
