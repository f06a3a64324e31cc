using System.Text;
using System.Text.Json.Nodes;
using Fnq.Identity;
using Fnq.IntegrationTests.Cluster;
using Xunit;

namespace Fnq.IntegrationTests.Journeys;

/// <summary>An answer of the public API as it came over the wire.</summary>
internal sealed record ApiAnswer(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public JsonNode? Json => JsonNode.Parse(Body);

    public string? ErrorType => Headers.GetValueOrDefault("x-amzn-ErrorType");

    public string? FunctionError => Headers.GetValueOrDefault("X-Amz-Function-Error");

    public string RequestId => Headers["x-amzn-RequestId"];

    /// <summary>The end of the log, of an invocation that asked for it.</summary>
    public string LogTail => Encoding.UTF8.GetString(Convert.FromBase64String(Headers["X-Amz-Log-Result"]));

    public string? Message => (Json?[nameof(Message)] ?? Json?["message"])?.GetValue<string>();
}

/// <summary>Signed requests without an SDK between: status, headers and bytes are what the server sent.</summary>
internal sealed class LambdaApi(
    Uri address, string accessKeyId, string secretAccessKey, string region = "us-east-1", TimeProvider? clock = null,
    Func<string>? troubles = null, string service = "lambda") : IDisposable
{
    public const string Role = "arn:aws:iam::123456789012:role/lambda-basic-exec";
    private readonly HttpClient _http = new(new SocketsHttpHandler()) { Timeout = TimeSpan.FromMinutes(2) };
    private readonly SigV4Signer _signer = new(accessKeyId, secretAccessKey, region, service, clock ?? TimeProvider.System);

    public HttpClient Plain => _http;

    public async Task<ApiAnswer> SendAsync(
        string method, string path, byte[]? body = null, IReadOnlyDictionary<string, string>? headers = null, Action<HttpRequestMessage>? spoil = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(address, path)) { Content = new ByteArrayContent(body ?? []) };
        foreach (var (name, value) in headers ?? new Dictionary<string, string>())
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        _signer.Sign(request, body ?? []);
        spoil?.Invoke(request);
        return await ExchangeAsync(request);
    }

    public Task<ApiAnswer> SendJsonAsync(string method, string path, JsonNode body) =>
        SendAsync(method, path, Encoding.UTF8.GetBytes(body.ToJsonString()));

    public async Task<ApiAnswer> ExchangeAsync(HttpRequestMessage request)
    {
        using var answer = await _http.SendAsync(request);
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers))
        {
            headers[name] = string.Join(',', values);
        }

        return new ApiAnswer((int)answer.StatusCode, headers, await answer.Content.ReadAsByteArrayAsync());
    }

    public static JsonObject CreateRequest(string name, string runtime, string handler, byte[] zip) => new()
    {
        ["FunctionName"] = name,
        ["Runtime"] = runtime,
        ["Handler"] = handler,
        ["Role"] = Role,
        ["Timeout"] = 10,
        ["Code"] = new JsonObject { ["ZipFile"] = Convert.ToBase64String(zip) },
    };

    public Task<ApiAnswer> CreateAsync(JsonObject request) => SendJsonAsync("POST", "/2015-03-31/functions", request);

    /// <summary>Creates and waits until it is Active. Python, in one file <c>app.py</c>, unless said otherwise.</summary>
    public async Task<string> DeployAsync(
        string code, Action<JsonObject>? configure = null, string runtime = "python3.13", string file = "app.py", string handler = "app.handler")
    {
        var name = "f-" + Guid.CreateVersion7().ToString("N")[12..];
        var request = CreateRequest(name, runtime, handler, CodeZip.Of((file, code)));
        configure?.Invoke(request);
        var created = await CreateAsync(request);
        Assert.True(created.Status == 201, created.Text);
        await WaitUntilActiveAsync(name);
        return name;
    }

    /// <summary>Long, because the first function of a runtime may have to wait for its installation.</summary>
    public Task WaitUntilActiveAsync(string name) => Until.TrueAsync(
        async () => (await ConfigurationAsync(name)) switch
        {
            var c when (string?)c["State"] == "Failed" => throw new InvalidOperationException(c.ToJsonString()),
            var c => (string?)c["State"] == "Active" && (string?)c["LastUpdateStatus"] == "Successful",
        },
        $"{name} is active", TimeSpan.FromMinutes(10));

    public async Task<JsonNode> ConfigurationAsync(string name)
    {
        var answer = await SendAsync("GET", $"/2015-03-31/functions/{name}/configuration");
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json!;
    }

    public Task<ApiAnswer> InvokeAsync(string name, string payload = "{}", IReadOnlyDictionary<string, string>? headers = null) =>
        InvokeAsync(name, Encoding.UTF8.GetBytes(payload), headers);

    public Task<ApiAnswer> InvokeAsync(string name, byte[] payload, IReadOnlyDictionary<string, string>? headers = null) =>
        SendAsync("POST", $"/2015-03-31/functions/{name}/invocations", payload, headers);

    /// <summary>An invocation that succeeds, with the end of its log.</summary>
    public async Task<ApiAnswer> InvokeTailAsync(string name, string payload = "{}") =>
        await InvokeAsync(name, payload, new Dictionary<string, string> { ["X-Amz-Log-Type"] = "Tail" });

    /// <summary>The result of an invocation that has to succeed.</summary>
    public async Task<JsonNode> CallAsync(string name, string payload = "{}")
    {
        var answer = await InvokeAsync(name, payload);
        Assert.True(answer is { Status: 200, FunctionError: null }, Describe(answer));
        return answer.Json!;
    }

    /// <summary>The result of an invocation whose function has to fail; the status is 200 all the same.</summary>
    public async Task<JsonNode> FailAsync(string name, string payload = "{}")
    {
        var answer = await InvokeAsync(name, payload);
        Assert.True(answer is { Status: 200, FunctionError: "Unhandled" }, Describe(answer));
        return answer.Json!;
    }

    /// <summary>A fault of the platform's tells what the server has logged of it.</summary>
    private string Describe(ApiAnswer answer) =>
        $"{answer.Status} {answer.Text}{(answer.Status >= 500 ? "\n" + troubles?.Invoke() : "")}";

    public void Dispose() => _http.Dispose();
}
