using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Fnq.Identity;
using Fnq.IntegrationTests.Journeys;

namespace Fnq.IntegrationTests.Isolation;

/// <param name="Status">0 when the connection ended without an answer.</param>
/// <param name="Closed">The server has ended the connection.</param>
internal sealed record RawAnswer(int Status, string Text, bool Closed)
{
    /// <summary>Of an answer of our own, not of the web server's.</summary>
    public string? RequestId => Text.Split("\r\n").FirstOrDefault(line => line.StartsWith("x-amzn-RequestId: ", StringComparison.OrdinalIgnoreCase))?[18..];

    public string? ErrorType => Text.Split("\r\n").FirstOrDefault(line => line.StartsWith("x-amzn-ErrorType: ", StringComparison.OrdinalIgnoreCase))?[18..];
}

/// <summary>Bytes on a socket: requests that no client library would send.</summary>
internal static class RawHttp
{
    public static async Task<Socket> ConnectAsync(Uri server, int receiveBuffer = 0)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        if (receiveBuffer > 0)
        {
            socket.ReceiveBufferSize = receiveBuffer;
        }

        await socket.ConnectAsync("127.0.0.1", server.Port);
        return socket;
    }

    /// <summary>Sends and reads until the server closes, or until nothing more came for a while.</summary>
    public static Task<RawAnswer> SendAsync(Uri server, string request, TimeSpan? patience = null) =>
        SendAsync(server, Encoding.Latin1.GetBytes(request), patience);

    public static async Task<RawAnswer> SendAsync(Uri server, byte[] request, TimeSpan? patience = null)
    {
        using var socket = await ConnectAsync(server);
        try
        {
            await socket.SendAsync(request);
        }
        catch (SocketException)
        {
            // Refused before it had read all of it.
        }

        return await ReadAsync(socket, patience ?? TimeSpan.FromSeconds(10));
    }

    public static async Task<RawAnswer> ReadAsync(Socket socket, TimeSpan patience)
    {
        using var text = new MemoryStream();
        using var limit = new CancellationTokenSource(patience);
        var buffer = new byte[64 * 1024];
        var closed = false;
        try
        {
            int count;
            while ((count = await socket.ReceiveAsync(buffer, limit.Token)) > 0)
            {
                text.Write(buffer, 0, count);
            }

            closed = true;
        }
        catch (SocketException)
        {
            closed = true;
        }
        catch (OperationCanceledException)
        {
            // It stays open.
        }

        var answer = Encoding.Latin1.GetString(text.ToArray());
        var status = answer.StartsWith("HTTP/1.", StringComparison.Ordinal) ? int.Parse(answer.AsSpan(9, 3), CultureInfo.InvariantCulture) : 0;
        return new RawAnswer(status, answer, closed);
    }

    /// <summary>A request with a right signature, byte for byte as given, that asks to close the connection.</summary>
    public static string Signed(
        Uri server, string method, string target, string body = "", string more = "", bool withLength = true, string secret = Platform.Secret)
    {
        var host = $"localhost:{server.Port}";
        var date = TimeProvider.System.GetUtcNow().ToString(SignatureClaim.TimeFormat);
        var signer = new SigV4Signer(Platform.AccessKeyId, secret, "us-east-1", "lambda", TimeProvider.System);
        var authorization = signer.Authorization(
            method, target, [new("host", host), new("x-amz-date", date)], Convert.ToHexStringLower(SHA256.HashData(Encoding.Latin1.GetBytes(body))));
        var length = withLength ? $"Content-Length: {body.Length}\r\n" : "";
        return $"{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-Amz-Date: {date}\r\nAuthorization: {authorization}\r\n{length}{more}Connection: close\r\n\r\n{body}";
    }
}
