using System.Text;
using System.Text.Json;

namespace Fnq.Triggers.Http;

/// <summary>What a function's result says about the answer (lambda-api section 6), pure.</summary>
internal sealed record HttpResult
{
    private const string Json = "application/json";
    private const int MaxDepth = 1_000;

    /// <summary>Of the connection, not of the answer: the server's own.</summary>
    private static readonly HashSet<string> NotTheirs = new(StringComparer.OrdinalIgnoreCase)
    {
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "trailer", "content-length", "date", "server",
    };

    public int Status { get; init; } = 200;
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [new("Content-Type", Json)];
    public IReadOnlyList<string> Cookies { get; init; } = [];
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Null for a result that is no answer: the caller gets a 502.</summary>
    public static HttpResult? Read(ReadOnlyMemory<byte> result)
    {
        try
        {
            using var json = JsonDocument.Parse(result, new JsonDocumentOptions { MaxDepth = MaxDepth });
            return json.RootElement switch
            {
                { ValueKind: JsonValueKind.String } text => new HttpResult { Body = Encoding.UTF8.GetBytes(text.GetString()!) },
                { ValueKind: JsonValueKind.Object } answer when answer.TryGetProperty("statusCode", out _) => ReadAnswer(answer),
                _ => new HttpResult { Body = result },
            };
        }
        catch (Exception bad) when (bad is JsonException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    private static HttpResult? ReadAnswer(JsonElement answer)
    {
        if (StatusOf(answer.GetProperty("statusCode")) is not { } status || ReadHeaders(answer) is not { } headers)
        {
            return null;
        }

        if (!headers.Exists(header => header.Key.Equals("content-type", StringComparison.OrdinalIgnoreCase)))
        {
            headers.Add(new("Content-Type", Json));
        }

        var cookies = answer.TryGetProperty("cookies", out var given) && given.ValueKind == JsonValueKind.Array
            ? given.EnumerateArray().Select(cookie => cookie.GetString() ?? "").ToList()
            : [];
        return cookies.TrueForAll(IsHeaderValue)
            ? new HttpResult { Status = status, Headers = headers, Cookies = cookies, Body = ReadBody(answer) }
            : null;
    }

    private static int? StatusOf(JsonElement given) => given switch
    {
        { ValueKind: JsonValueKind.Number } when given.TryGetInt32(out var number) => InRange(number),
        { ValueKind: JsonValueKind.String } when int.TryParse(given.GetString(), out var number) => InRange(number),
        _ => null,
    };

    private static int? InRange(int status) => status is >= 200 and <= 599 ? status : null;

    private static List<KeyValuePair<string, string>>? ReadHeaders(JsonElement answer)
    {
        var headers = new List<KeyValuePair<string, string>>();
        if (answer.TryGetProperty("headers", out var given) && given.ValueKind == JsonValueKind.Object)
        {
            foreach (var header in given.EnumerateObject().Where(header => !NotTheirs.Contains(header.Name)))
            {
                var value = header.Value.ToString();
                if (!IsHeaderName(header.Name) || !IsHeaderValue(value))
                {
                    return null;
                }

                headers.Add(new(header.Name, value));
            }
        }

        return headers;
    }

    private static byte[] ReadBody(JsonElement answer)
    {
        if (!answer.TryGetProperty("body", out var body) || body.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        if (body.ValueKind != JsonValueKind.String)
        {
            return Encoding.UTF8.GetBytes(body.GetRawText());
        }

        var isBase64 = answer.TryGetProperty("isBase64Encoded", out var encoded) && encoded.ValueKind == JsonValueKind.True;
        return isBase64 ? body.GetBytesFromBase64() : Encoding.UTF8.GetBytes(body.GetString()!);
    }

    private static bool IsHeaderName(string name) =>
        name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c));

    /// <summary>A line feed would begin a header of its own.</summary>
    private static bool IsHeaderValue(string value) => value.All(c => c is '\t' or (>= ' ' and <= '~'));
}
