using System.Security.Cryptography;
using System.Text;
using Fnq.Identity;

namespace Fnq.Benchmarks.Load;

/// <summary>
/// Distinct requests, each with a signature of its own: a server that remembered verified ones would gain nothing.
/// Signatures live five minutes, so every measurement signs again.
/// </summary>
internal sealed class SignedRequests
{
    public const int Distinct = 2_000;

    private readonly List<byte[]> _requests = [];

    private SignedRequests(int replyBytes) => ReplyBytes = replyBytes;

    /// <summary>What an answer has at least.</summary>
    public int ReplyBytes { get; }

    /// <summary>Echo requests to the functions in turn.</summary>
    public static SignedRequests Invoke(FnqEndpoint endpoint, IReadOnlyList<string> functions, int bodyBytes = 256, int distinct = Distinct) =>
        Make(endpoint, functions, bodyBytes, distinct, "RequestResponse", replyBytes: bodyBytes);

    /// <summary>Events, which are answered without a body.</summary>
    public static SignedRequests Events(FnqEndpoint endpoint, string function) =>
        Make(endpoint, [function], bodyBytes: 256, Distinct, "Event", replyBytes: 0);

    private static SignedRequests Make(
        FnqEndpoint endpoint, IReadOnlyList<string> functions, int bodyBytes, int distinct, string invocationType, int replyBytes)
    {
        var signer = new SigV4Signer(endpoint.AccessKeyId, endpoint.SecretAccessKey, endpoint.Region, "lambda", TimeProvider.System);
        var date = TimeProvider.System.GetUtcNow().ToString(SignatureClaim.TimeFormat);
        var made = new SignedRequests(replyBytes);
        for (var i = 0; i < distinct; i++)
        {
            var body = Body(i, bodyBytes);
            var target = FnqClient.InvokeTarget(functions[i % functions.Count]);
            KeyValuePair<string, string>[] headers = [new("Host", endpoint.Address.Authority), new("X-Amz-Date", date), new("X-Amz-Invocation-Type", invocationType)];
            var authorization = signer.Authorization("POST", target, headers, Convert.ToHexStringLower(SHA256.HashData(body)));
            var head = $"POST {target} HTTP/1.1\r\nHost: {endpoint.Address.Authority}\r\nX-Amz-Date: {date}\r\nX-Amz-Invocation-Type: {invocationType}\r\n"
                + $"Authorization: {authorization}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n";
            made._requests.Add([.. Encoding.ASCII.GetBytes(head), .. body]);
        }

        return made;
    }

    /// <summary>A JSON object of exactly this size.</summary>
    public static byte[] Body(int number, int bytes)
    {
        var start = $"{{\"number\":{number},\"filler\":\"";
        return Encoding.ASCII.GetBytes($"{start}{new string('x', bytes - start.Length - 2)}\"}}");
    }

    /// <summary>Each request after its length and a line feed, as the Lua script reads them.</summary>
    public async Task WriteAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = File.Create(path);
        foreach (var request in _requests)
        {
            await file.WriteAsync(Encoding.ASCII.GetBytes($"{request.Length}\n"), cancellationToken);
            await file.WriteAsync(request, cancellationToken);
        }
    }
}
