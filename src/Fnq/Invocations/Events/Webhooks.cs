using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Fnq.Dispatch;

namespace Fnq.Invocations.Events;

/// <summary>
/// Posts outcomes to addresses that users have named. The address is looked at when the connection is made, not when its name is
/// read: names change what they mean.
/// </summary>
internal sealed class Webhooks : IDisposable
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan[] Pauses = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4)];
    private readonly IReadOnlyList<EgressRule> _allowed;
    private readonly TimeProvider _time;
    private readonly HttpClient _client;

    /// <param name="allowed">Private addresses that the operator has opened.</param>
    /// <param name="time">The clock.</param>
    public Webhooks(IReadOnlyList<EgressRule> allowed, TimeProvider time)
    {
        (_allowed, _time) = (allowed, time);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            ConnectTimeout = AnswerTime,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
            MaxConnectionsPerServer = 16,
            ConnectCallback = ConnectAsync,
        };
        _client = new HttpClient(handler) { Timeout = AnswerTime, MaxResponseContentBufferSize = 1 << 16 };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("Fnq", "1.0"));
    }

    /// <summary>Null when it was taken (2xx); else why not, after four tries.</summary>
    public async Task<string?> PostAsync(Uri url, Guid requestId, string condition, byte[] record, CancellationToken stopping)
    {
        string? error = null;
        for (var tried = 0; tried <= Pauses.Length; tried++)
        {
            if (tried > 0)
            {
                await Task.Delay(Pauses[tried - 1], _time, stopping);
            }

            error = await TryPostAsync(url, requestId, condition, record, stopping);
            if (error is null)
            {
                return null;
            }
        }

        return $"{url.GetLeftPart(UriPartial.Path)}: {error}";
    }

    public void Dispose() => _client.Dispose();

    private async Task<string?> TryPostAsync(Uri url, Guid requestId, string condition, byte[] record, CancellationToken stopping)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(record) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            request.Headers.Add("X-Fnq-Request-Id", requestId.ToString());
            request.Headers.Add("X-Fnq-Condition", condition);
            using var answer = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stopping);
            return answer.IsSuccessStatusCode ? null : $"HTTP {(int)answer.StatusCode}";
        }
        catch (HttpRequestException failure)
        {
            return failure.InnerException?.Message ?? failure.Message;
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return $"no answer in {AnswerTime.TotalSeconds} s";
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var addresses = await Dns.GetHostAddressesAsync(host, cancellationToken);
        var open = addresses.Where(address => WebhookAddresses.IsOpen(address, port, _allowed)).ToArray();
        if (open.Length == 0)
        {
            throw new HttpRequestException($"{host} is no public address; FNQ_WEBHOOK_ALLOW opens private ones");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(open, port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
