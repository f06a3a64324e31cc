using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fnq.Identity;
using Fnq.IntegrationTests.Cluster;

namespace Fnq.IntegrationTests.Fleet;

/// <summary>What came back for one invocation.</summary>
internal sealed record Answer(HttpStatusCode Status, Guid RequestId, bool IsFunctionError, string Body, TimeSpan Took)
{
    public bool IsSuccess => Status == HttpStatusCode.OK && !IsFunctionError;

    public Reply Reply => JsonSerializer.Deserialize<Reply>(Body, JsonSerializerOptions.Web) ?? throw new FormatException(Body);
}

/// <summary>What the functions of these tests answer.</summary>
/// <param name="Environment">Id of the execution environment, the one in its log stream's name.</param>
/// <param name="Count">How many runs the environment has had.</param>
internal sealed record Reply(string Marker, JsonNode? Echo, string Environment, int Count, Guid RequestId);

/// <summary>A client that signs, without retries of its own.</summary>
internal sealed class FunctionClient(Uri endpoint, string keyId, string secret) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60) })
    {
        Timeout = TimeSpan.FromSeconds(100),
    };

    private readonly SigV4Signer _signer = new(keyId, secret, "us-east-1", "lambda", TimeProvider.System);

    public async Task CreateAsync(FunctionSource source, int timeoutSeconds = 10)
    {
        var answer = await SendAsync(HttpMethod.Post, "/2015-03-31/functions", new JsonObject
        {
            ["FunctionName"] = source.Name,
            ["Runtime"] = source.Runtime,
            ["Handler"] = source.Handler,
            ["Role"] = "arn:aws:iam::123456789012:role/fleet",
            ["Timeout"] = timeoutSeconds,
            ["MemorySize"] = 128,
            ["Code"] = new JsonObject { ["ZipFile"] = Convert.ToBase64String(source.Zip()) },
        });
        Checked(answer, HttpStatusCode.Created);
        await Until.TrueAsync(async () => (string?)(await ConfigurationAsync(source.Name))["State"] == "Active", $"{source.Name} is Active");
    }

    /// <summary>Returns when the change is called Successful.</summary>
    public async Task UpdateAsync(FunctionSource source)
    {
        Checked(
            await SendAsync(HttpMethod.Put, $"/2015-03-31/functions/{source.Name}/code", new JsonObject { ["ZipFile"] = Convert.ToBase64String(source.Zip()) }),
            HttpStatusCode.OK);
        await Until.TrueAsync(
            async () => (string?)(await ConfigurationAsync(source.Name))["LastUpdateStatus"] == "Successful", $"the update of {source.Name} is Successful");
    }

    public Task<Answer> InvokeAsync(string name, object payload) =>
        SendAsync(HttpMethod.Post, $"/2015-03-31/functions/{name}/invocations", payload);

    public Task<Answer> SendEventAsync(string name, object payload) =>
        SendAsync(HttpMethod.Post, $"/2015-03-31/functions/{name}/invocations", payload, "Event");

    public void Dispose() => _http.Dispose();

    private async Task<JsonNode> ConfigurationAsync(string name) =>
        JsonNode.Parse(Checked(await SendAsync(HttpMethod.Get, $"/2015-03-31/functions/{name}/configuration", null), HttpStatusCode.OK).Body)!;

    private async Task<Answer> SendAsync(HttpMethod method, string path, object? payload, string? invocationType = null)
    {
        var body = payload is null ? [] : JsonSerializer.SerializeToUtf8Bytes(payload);
        using var request = new HttpRequestMessage(method, new Uri(endpoint, path)) { Content = new ByteArrayContent(body) };
        if (invocationType is not null)
        {
            request.Headers.Add("X-Amz-Invocation-Type", invocationType);
        }

        _signer.Sign(request, body);
        var sentAt = TimeProvider.System.GetTimestamp();
        using var response = await _http.SendAsync(request);
        var text = Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync());
        var id = response.Headers.TryGetValues("x-amzn-RequestId", out var ids) && Guid.TryParse(ids.First(), out var parsed) ? parsed : Guid.Empty;
        return new Answer(
            response.StatusCode, id, response.Headers.Contains("X-Amz-Function-Error"), text, TimeProvider.System.GetElapsedTime(sentAt));
    }

    private static Answer Checked(Answer answer, HttpStatusCode expected) =>
        answer.Status == expected ? answer : throw new InvalidOperationException($"{(int)answer.Status}: {answer.Body}");
}
