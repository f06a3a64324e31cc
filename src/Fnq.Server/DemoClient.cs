using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Fnq.Hosting;
using Fnq.Identity;

namespace Fnq.Server;

internal sealed record DemoAnswer(byte[] Body, string? LogResult);

/// <summary>Signed requests to this instance, as any AWS client sends them.</summary>
internal sealed class DemoClient(FnqSettings settings)
{
    private readonly HttpClient _http = new() { BaseAddress = new Uri($"http://localhost:{settings.Port}") };

    public async Task<DemoAnswer> SendAsync(
        HttpMethod method, string path, JsonNode? body, CancellationToken cancellationToken, params HttpStatusCode[] expected)
    {
        var (id, secret) = Credentials.Of(settings);
        var bytes = body is null ? [] : Encoding.UTF8.GetBytes(body.ToJsonString());
        using var request = new HttpRequestMessage(method, new Uri(_http.BaseAddress!, path)) { Content = new ByteArrayContent(bytes) };
        request.Headers.Add("X-Amz-Log-Type", "Tail");
        new SigV4Signer(id, secret, settings.Region, "lambda", TimeProvider.System).Sign(request, bytes);
        using var answer = await _http.SendAsync(request, cancellationToken);
        var content = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        if (!expected.Contains(answer.StatusCode))
        {
            throw new InvalidOperationException($"{method} {path} answered {(int)answer.StatusCode}: {Encoding.UTF8.GetString(content)}");
        }

        return new DemoAnswer(content, answer.Headers.TryGetValues("X-Amz-Log-Result", out var log) ? log.First() : null);
    }
}
