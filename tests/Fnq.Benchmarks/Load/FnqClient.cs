using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Fnq.Identity;

namespace Fnq.Benchmarks.Load;

/// <summary>What a function is made of.</summary>
internal sealed record SampleFunction(string Runtime, string Handler, string File, string Source, int MemoryMb = 1_769);

/// <summary>A client of the public API, signing like any other.</summary>
internal sealed class FnqClient(FnqEndpoint endpoint) : IDisposable
{
    private const string Functions = "/2015-03-31/functions";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly HttpClient _http = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(30) }) { Timeout = TimeSpan.FromSeconds(120) };
    private readonly SigV4Signer _signer = new(endpoint.AccessKeyId, endpoint.SecretAccessKey, endpoint.Region, "lambda", TimeProvider.System);

    public FnqEndpoint Endpoint => endpoint;

    public static string InvokeTarget(string function) => $"{Functions}/{function}/invocations";

    /// <summary>Creates it and waits until it is Active.</summary>
    public async Task CreateAsync(string name, SampleFunction function, CancellationToken cancellationToken)
    {
        var request = new JsonObject
        {
            ["FunctionName"] = name,
            ["Runtime"] = function.Runtime,
            ["Handler"] = function.Handler,
            ["MemorySize"] = function.MemoryMb,
            ["Timeout"] = 30,
            ["Role"] = "arn:aws:iam::123456789012:role/bench",
            ["Code"] = new JsonObject { ["ZipFile"] = Convert.ToBase64String(Zip(function.File, function.Source)) },
        };
        using var created = await SendAsync(HttpMethod.Post, Functions, Encoding.UTF8.GetBytes(request.ToJsonString()), cancellationToken);
        await CheckAsync(created, cancellationToken);
        await UntilAsync(token => IsActiveAsync(name, token), $"{name} is Active", cancellationToken);
    }

    public async Task DeleteAsync(string name)
    {
        using var deleted = await SendAsync(HttpMethod.Delete, $"{Functions}/{name}", [], CancellationToken.None);
        if (deleted.StatusCode != HttpStatusCode.NotFound)
        {
            await CheckAsync(deleted, CancellationToken.None);
        }
    }

    /// <summary>The body of the answer; anything but a successful run is an error.</summary>
    public async Task<byte[]> InvokeAsync(string name, byte[] body, CancellationToken cancellationToken)
    {
        using var answer = await SendAsync(HttpMethod.Post, InvokeTarget(name), body, cancellationToken);
        await CheckAsync(answer, cancellationToken);
        if (answer.Headers.Contains("X-Amz-Function-Error"))
        {
            throw new InvalidOperationException($"{name} failed: {await answer.Content.ReadAsStringAsync(cancellationToken)}");
        }

        return await answer.Content.ReadAsByteArrayAsync(cancellationToken);
    }

    /// <summary>An echo must give back what it got.</summary>
    public async Task VerifyEchoAsync(string name, int samples, CancellationToken cancellationToken)
    {
        for (var i = 0; i < samples; i++)
        {
            var body = SignedRequests.Body(i, 256);
            var answer = await InvokeAsync(name, body, cancellationToken);
            if (!JsonNode.DeepEquals(JsonNode.Parse(answer), JsonNode.Parse(body)))
            {
                throw new InvalidOperationException($"{name} answered {Encoding.UTF8.GetString(answer)}");
            }
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string target, byte[] body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(endpoint.Address, target)) { Content = new ByteArrayContent(body) };
        lock (_signer)
        {
            _signer.Sign(request, body);
        }

        return await _http.SendAsync(request, cancellationToken);
    }

    private async Task<bool> IsActiveAsync(string name, CancellationToken cancellationToken)
    {
        using var answer = await SendAsync(HttpMethod.Get, $"{Functions}/{name}/configuration", [], cancellationToken);
        await CheckAsync(answer, cancellationToken);
        var configuration = await answer.Content.ReadFromJsonAsync<JsonObject>(cancellationToken);
        return (string?)configuration!["State"] switch
        {
            "Active" => true,
            "Failed" => throw new InvalidOperationException($"{name}: {configuration["StateReason"]}"),
            _ => false,
        };
    }

    private static async Task CheckAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        if (!answer.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"{(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellationToken)}");
        }
    }

    private static byte[] Zip(string file, string source)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create))
        {
            using var entry = zip.CreateEntry(file).Open();
            entry.Write(Encoding.UTF8.GetBytes(source));
        }

        return bytes.ToArray();
    }

    private static Task UntilAsync(Func<CancellationToken, Task<bool>> condition, string what, CancellationToken cancellationToken) =>
        Until.TrueAsync(condition, what, Patience, cancellationToken);
}
