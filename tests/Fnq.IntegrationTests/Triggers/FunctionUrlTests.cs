using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Fnq.Identity;
using Fnq.IntegrationTests.Cluster;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Triggers;

/// <summary>Functions called over plain HTTP, by host name and by path.</summary>
[Collection(Platform.Collection)]
public sealed class FunctionUrlTests(Platform platform)
{
    private const string Code = """
        def handler(event, context):
            do = (event.get("queryStringParameters") or {}).get("do")
            match do:
                case "fail": raise ValueError("told to")
                case "text": return "plain"
                case "answer": return {"statusCode": 418, "headers": {"X-Own": "yes", "Content-Type": "text/html"}, "cookies": ["a=1", "b=2"], "body": "<b>"}
                case "bytes": return {"statusCode": 200, "body": "AP8=", "isBase64Encoded": True, "headers": {"content-type": "image/png"}}
                case "split": return {"statusCode": 200, "headers": {"X": "a\r\nSet-Cookie: evil=1"}}
                case "empty": return {"statusCode": 204, "body": "ignored"}
            return event
        """;

    [Fact]
    public async Task A_url_that_everybody_may_call_passes_the_request_on_in_format_2()
    {
        var (name, id) = await OpenAsync();
        using var http = new HttpClient();
        using var request = RequestTo(id, HttpMethod.Post, "/pa2%25Fth/1?a=1&a=2");
        request.Content = new StringContent("""{"n": 1}""", Encoding.UTF8, "application/json");
        request.Headers.Add("Cookie", "c1=v; c2=w");
        using var answer = await http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        var json = JsonNode.Parse(text)!;
        Assert.Equal(("2.0", "/pa2%Fth/1", "a=1&a=2"), ((string?)json["version"], (string?)json["rawPath"], (string?)json["rawQueryString"]));
        Assert.Equal("1,2", (string?)json["queryStringParameters"]!["a"]);
        Assert.Equal(["c1=v", "c2=w"], json["cookies"]!.AsArray().Select(cookie => (string?)cookie));
        Assert.Equal(("""{"n": 1}""", false), ((string?)json["body"], (bool)json["isBase64Encoded"]!));
        Assert.Equal(id, (string?)json["requestContext"]!["domainPrefix"]);
        Assert.Equal(answer.Headers.GetValues("x-amzn-RequestId").Single(), (string?)json["requestContext"]!["requestId"]);

        // The same by path, for clients that cannot choose a host.
        var byPath = await http.GetStringAsync(new Uri(platform.Server.Address, $"/fnq/url/{id}/deep/er?x=1"));
        Assert.Equal("/deep/er", (string?)JsonNode.Parse(byPath)!["rawPath"]);
        Assert.Equal(202, (await platform.Api.InvokeAsync(name, "{}", new Dictionary<string, string> { ["X-Amz-Invocation-Type"] = "Event" })).Status);
    }

    [Fact]
    public async Task What_a_function_answers_becomes_the_answer()
    {
        var (_, id) = await OpenAsync();
        var answer = await GetAsync(id, "/?do=answer");
        Assert.Equal((418, "<b>", "text/html"), ((int)answer.Status, answer.Text, answer.Header("Content-Type")));
        Assert.Equal(("yes", "a=1,b=2"), (answer.Header("X-Own"), answer.Header("Set-Cookie")));
        Assert.Equal(("plain", "application/json"), Pair(await GetAsync(id, "/?do=text")));
        Assert.Equal([0, 255], (await GetAsync(id, "/?do=bytes")).Body);
        Assert.Equal((204, ""), ((int)(await GetAsync(id, "/?do=empty")).Status, (await GetAsync(id, "/?do=empty")).Text));
        Assert.Equal((502, "Internal Server Error"), StatusAndText(await GetAsync(id, "/?do=fail")));
        Assert.Equal(502, (int)(await GetAsync(id, "/?do=split")).Status);
    }

    [Fact]
    public async Task Without_permission_or_a_function_it_is_forbidden()
    {
        var name = await platform.Api.DeployAsync(Code);
        var id = await CreateUrlAsync(name, "NONE");
        var refused = await GetAsync(id, "/");
        Assert.Equal((403, "AccessDeniedException"), ((int)refused.Status, refused.Header("x-amzn-ErrorType")));
        Assert.StartsWith("Forbidden. For troubleshooting", (string?)JsonNode.Parse(refused.Text)!["Message"], StringComparison.Ordinal);
        Assert.Equal((403, """{"Message":null}"""), StatusAndText(await GetAsync(new string('a', 32), "/")));
        Assert.Equal(403, (int)(await GetAsync("short", "/")).Status);

        // Given and taken back.
        await PermitAsync(name);
        await Until.TrueAsync(async () => (await GetAsync(id, "/")).Status == HttpStatusCode.OK, "the permission is in force");
        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", $"/2015-03-31/functions/{name}/policy/public")).Status);
        await Until.TrueAsync(async () => (await GetAsync(id, "/")).Status == HttpStatusCode.Forbidden, "the permission is gone");
    }

    [Fact]
    public async Task A_url_with_AWS_IAM_asks_for_a_signature()
    {
        var name = await platform.Api.DeployAsync(Code);
        var id = await CreateUrlAsync(name, "AWS_IAM");
        Assert.Equal(403, (int)(await GetAsync(id, "/")).Status);
        using var http = new HttpClient();
        using var signed = RequestTo(id, HttpMethod.Get, "/signed");
        new SigV4Signer(Platform.AccessKeyId, Platform.Secret, "us-east-1", "lambda", TimeProvider.System).Sign(signed, []);
        using var answer = await http.SendAsync(signed);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        Assert.Equal(Platform.AccessKeyId, (string?)JsonNode.Parse(text)!["requestContext"]!["authorizer"]!["iam"]!["accessKey"]);

        using var wrong = RequestTo(id, HttpMethod.Get, "/signed");
        new SigV4Signer(Platform.AccessKeyId, "not the secret", "us-east-1", "lambda", TimeProvider.System).Sign(wrong, []);
        using var refused = await http.SendAsync(wrong);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task Cors_is_answered_by_the_platform()
    {
        var (_, id) = await OpenAsync(new JsonObject { ["AllowOrigins"] = new JsonArray("https://app.example"), ["AllowMethods"] = new JsonArray("PUT"), ["MaxAge"] = 5 });
        var preflight = await SendAsync(RequestTo(id, HttpMethod.Options, "/", ("Origin", "https://app.example"), ("Access-Control-Request-Method", "PUT")));
        Assert.Equal((200, "https://app.example"), ((int)preflight.Status, preflight.Header("Access-Control-Allow-Origin")));
        Assert.Equal(("PUT", "5"), (preflight.Header("Access-Control-Allow-Methods"), preflight.Header("Access-Control-Max-Age")));
        var allowed = await SendAsync(RequestTo(id, HttpMethod.Get, "/", ("Origin", "https://app.example")));
        Assert.Equal("https://app.example", allowed.Header("Access-Control-Allow-Origin"));
        var other = await SendAsync(RequestTo(id, HttpMethod.Get, "/", ("Origin", "https://other.example")));
        Assert.Null(other.Header("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_body_over_6_MB_is_refused()
    {
        var (_, id) = await OpenAsync();
        using var request = RequestTo(id, HttpMethod.Post, "/");
        request.Content = new ByteArrayContent(new byte[6_291_457]);
        Assert.Equal(413, (int)(await SendAsync(request)).Status);
    }

    [Fact]
    public async Task Configs_are_created_once_changed_listed_and_deleted()
    {
        var name = await platform.Api.DeployAsync(Code);
        var path = UrlOf(name);
        Assert.Equal((404, "ResourceNotFoundException"), Of(await platform.Api.SendAsync("GET", path)));
        var created = await platform.Api.SendJsonAsync("POST", path, new JsonObject { ["AuthType"] = "NONE" });
        Assert.Equal(201, created.Status);
        Assert.Matches($@"^http://[a-z0-9]{{32}}\.lambda-url\.localhost:{platform.Server.Port}/$", (string?)created.Json!["FunctionUrl"]);
        Assert.False(created.Json.AsObject().ContainsKey("InvokeMode"));
        Assert.Equal((409, "ResourceConflictException"), Of(await platform.Api.SendJsonAsync("POST", path, new JsonObject { ["AuthType"] = "NONE" })));
        var changed = await platform.Api.SendJsonAsync("PUT", path, new JsonObject { ["Cors"] = new JsonObject { ["MaxAge"] = 7 } });
        Assert.Equal(("NONE", 7, "BUFFERED"), ((string?)changed.Json!["AuthType"], (int?)changed.Json["Cors"]!["MaxAge"], (string?)changed.Json["InvokeMode"]));
        Assert.Single((await platform.Api.SendAsync("GET", path + "s")).Json!["FunctionUrlConfigs"]!.AsArray());
        Assert.Equal((400, "ValidationException"), Of(await platform.Api.SendJsonAsync("PUT", path, new JsonObject { ["AuthType"] = "BOTH" })));
        Assert.Equal((400, "ValidationException"), Of(await platform.Api.SendJsonAsync("PUT", path + "?Qualifier=$LATEST", new JsonObject())));
        Assert.Equal((400, "ValidationException"), Of(await platform.Api.SendJsonAsync(
            "PUT", path, new JsonObject { ["Cors"] = new JsonObject { ["AllowOrigins"] = new JsonArray("https://a\r\nb") } })));
        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", path)).Status);
        Assert.Equal((404, "ResourceNotFoundException"), Of(await platform.Api.SendAsync("DELETE", path)));
    }

    [Fact]
    public async Task Permissions_are_added_read_and_removed_as_on_AWS()
    {
        var name = await platform.Api.DeployAsync(Code);
        var path = PolicyOf(name);
        Assert.Equal((404, "ResourceNotFoundException"), Of(await platform.Api.SendAsync("GET", path)));
        var before = (string?)(await platform.Api.ConfigurationAsync(name))["RevisionId"];
        var statement = new JsonObject { ["StatementId"] = "s3", ["Action"] = "lambda:InvokeFunction", ["Principal"] = "s3.amazonaws.com" };
        var added = await platform.Api.SendJsonAsync("POST", path, statement);
        Assert.Equal(201, added.Status);
        Assert.Equal("s3", (string?)JsonNode.Parse((string)added.Json!["Statement"]!)!["Sid"]);
        Assert.NotEqual(before, (string?)(await platform.Api.ConfigurationAsync(name))["RevisionId"]);
        Assert.Equal((409, "ResourceConflictException"), Of(await platform.Api.SendJsonAsync("POST", path, statement)));
        var stale = (JsonObject)statement.DeepClone();
        (stale["StatementId"], stale["RevisionId"]) = ("other", before);
        Assert.Equal((412, "PreconditionFailedException"), Of(await platform.Api.SendJsonAsync("POST", path, stale)));
        Assert.Equal((400, "InvalidParameterValueException"), Of(await platform.Api.SendJsonAsync("POST", path + "?Qualifier=$LATEST", statement)));
        var policy = JsonNode.Parse((string)(await platform.Api.SendAsync("GET", path)).Json!["Policy"]!)!;
        Assert.Equal(("2012-10-17", 1), ((string?)policy["Version"], policy["Statement"]!.AsArray().Count));
        Assert.Equal((404, "Statement other is not found in resource policy."), TextOf(await platform.Api.SendAsync("DELETE", path + "/other")));
        Assert.Equal(204, (await platform.Api.SendAsync("DELETE", path + "/s3")).Status);
        Assert.Equal((404, "No policy is associated with the given resource."), TextOf(await platform.Api.SendAsync("DELETE", path + "/s3")));
    }

    [Fact]
    public async Task The_AWS_CLI_makes_a_url_that_curl_calls()
    {
        var name = await platform.Api.DeployAsync(Code);
        var cli = platform.Cli(platform.NewFolder());
        var url = (string?)(await cli.RunAsync("lambda", "create-function-url-config", "--function-name", name, "--auth-type", "NONE"))!["FunctionUrl"];
        await cli.RunAsync(
            "lambda", "add-permission", "--function-name", name, "--statement-id", "public", "--action", "lambda:InvokeFunctionUrl",
            "--principal", "*", "--function-url-auth-type", "NONE");
        string[] curl = ["-sS", "--resolve", $"*:{platform.Server.Port}:127.0.0.1", $"{url}hello?do=text"];
        Assert.Equal("plain", (await Shell.RunAsync("curl", curl)).Checked);
    }

    private static string PolicyOf(string name) => $"/2015-03-31/functions/{name}/policy";

    private static string UrlOf(string name) => $"/2021-10-31/functions/{name}/url";

    private static (int, string?) Of(ApiAnswer answer) => (answer.Status, answer.ErrorType);

    private static (int, string?) TextOf(ApiAnswer answer) => (answer.Status, answer.Message);

    private static (string, string?) Pair(UrlReply reply) => (reply.Text, reply.Header("Content-Type"));

    private static (int, string) StatusAndText(UrlReply reply) => ((int)reply.Status, reply.Text);

    /// <summary>A function with a URL that everybody may call.</summary>
    private async Task<(string Name, string Id)> OpenAsync(JsonObject? cors = null)
    {
        var name = await platform.Api.DeployAsync(Code);
        await PermitAsync(name);
        return (name, await CreateUrlAsync(name, "NONE", cors));
    }

    private async Task PermitAsync(string name)
    {
        var added = await platform.Api.SendJsonAsync("POST", PolicyOf(name), new JsonObject
        {
            ["StatementId"] = "public", ["Action"] = "lambda:InvokeFunctionUrl", ["Principal"] = "*", ["FunctionUrlAuthType"] = "NONE",
        });
        Assert.True(added.Status == 201, added.Text);
    }

    private async Task<string> CreateUrlAsync(string name, string authType, JsonObject? cors = null)
    {
        var request = new JsonObject { ["AuthType"] = authType };
        if (cors is not null)
        {
            request["Cors"] = cors;
        }

        var created = await platform.Api.SendJsonAsync("POST", UrlOf(name), request);
        Assert.True(created.Status == 201, created.Text);
        return new Uri((string)created.Json!["FunctionUrl"]!).Host.Split('.')[0];
    }

    private Task<UrlReply> GetAsync(string id, string target) => SendAsync(RequestTo(id, HttpMethod.Get, target));

    private static async Task<UrlReply> SendAsync(HttpRequestMessage request)
    {
        using var http = new HttpClient(new HttpClientHandler { UseCookies = false });
        using var answer = await http.SendAsync(request);
        var headers = answer.Headers.Concat(answer.Content.Headers)
            .ToDictionary(pair => pair.Key, pair => string.Join(',', pair.Value), StringComparer.OrdinalIgnoreCase);
        return new(answer.StatusCode, headers, await answer.Content.ReadAsByteArrayAsync());
    }

    /// <summary>To the server's own address, under the host name of the URL.</summary>
    private HttpRequestMessage RequestTo(string id, HttpMethod method, string target, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, new Uri(platform.Server.Address, target));
        request.Headers.Host = $"{id}.lambda-url.localhost:{platform.Server.Port}";
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        return request;
    }

    private sealed record UrlReply(HttpStatusCode Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
    {
        public string Text => Encoding.UTF8.GetString(Body);

        public string? Header(string name) => Headers.GetValueOrDefault(name);
    }
}
