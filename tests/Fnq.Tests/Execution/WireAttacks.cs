using System.Globalization;
using System.Text;

namespace Fnq.Tests.Execution;

/// <summary>Bytes that no HTTP client sends to a Runtime API.</summary>
internal static class WireAttacks
{
    private const string Root = "/2018-06-01/runtime/";

    public static byte[] Any(Random random, string requestId)
    {
        var reply = $"POST {Root}invocation/{requestId}/response HTTP/1.1\r\nHost: x\r\n";
        var text = random.Next(26) switch
        {
            0 => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0",
            1 => $"GET {Root}invocation/next HTTP/1.1\r\nHost: x\r\nX-Large: {new string('a', random.Next(60_000, 200_000))}\r\n\r\n",
            2 => $"GET {Root}{new string('b', random.Next(7_000, 80_000))} HTTP/1.1\r\nHost: x\r\n\r\n",
            3 => reply + string.Concat(Enumerable.Range(0, 200).Select(n => string.Create(CultureInfo.InvariantCulture, $"X-{n}: 1\r\n"))) + "\r\n",
            4 => reply + $"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET {Root}invocation/next HTTP/1.1\r\nHost: x\r\n\r\n",
            5 => reply + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n12345",
            6 => reply + "Content-Length: -1\r\n\r\n",
            7 => reply + "Content-Length: 99999999999999999999\r\n\r\n1",
            8 => reply + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n1",
            9 => reply + "Transfer-Encoding: chunked\r\n\r\n1\n1\r\n0\r\n\r\n",
            10 => reply + "Transfer-Encoding: chunked\r\n\r\n2;a=\nb\r\n12\r\n0\r\n\r\n",
            11 => reply + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            12 => reply + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            13 => reply + "X-Folded: 1\r\n 2\r\nContent-Length: 1\r\n\r\n1",
            14 => $"POST {Root}invocation/{requestId}\0/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1",
            15 => $"GET http://127.0.0.1:9001{Root}invocation/next HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            16 => $"GET {Root}invocation/%2e%2e/next HTTP/1.1\r\nHost: x\r\n\r\n",
            17 => $"GET {Root}invocation/../../../../next HTTP/1.1\r\nHost: x\r\n\r\n",
            18 => $"CONNECT {Root} HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
            19 => $"GET {Root}invocation/next HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            20 => reply + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
            21 => $"GET {Root}invocation/next HTTP/1.0\r\n\r\n",
            22 => $"GET {Root}invocation/next HTTP/1.1\nHost: x\n\n",
            23 => $"GET {Root}invocation/next HTTP/1.1\r\n\r\n",
            24 => reply + "Content-Length: 3\r\nConnection: close, keep-alive, \u0001\r\n\r\n123",
            _ => "",
        };
        return text.Length > 0 ? Encoding.Latin1.GetBytes(text) : Noise(random);
    }

    /// <summary>A request with some of its bytes changed, cut off or doubled.</summary>
    public static byte[] Mutate(Random random, byte[] request)
    {
        var bytes = request.ToList();
        for (var change = random.Next(1, 4); change > 0 && bytes.Count > 0; change--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes.RemoveAt(at);
                    break;
                case 2:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }

    private static byte[] Noise(Random random)
    {
        var noise = new byte[random.Next(1, 4_000)];
        random.NextBytes(noise);
        return noise;
    }
}
