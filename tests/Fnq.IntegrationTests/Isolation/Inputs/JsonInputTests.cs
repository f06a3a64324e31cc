using System.IO.Compression;
using System.Text;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>Rows A10 to A13 and A37: bodies that are no JSON, too much of it, or something else.</summary>
[Collection(Platform.Collection)]
public sealed class JsonInputTests(Platform platform, GoodFunction good) : HostileInput(platform, good)
{
    private const string BadContent = "InvalidRequestContentException";
    private const int PayloadLimit = 6_291_456;

    /// <summary>Answers with the event's bytes in hexadecimal.</summary>
    private const string Echo = """
        #!/bin/bash
        set -euo pipefail
        api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
        while true; do
          curl -sS -D /tmp/headers -o /tmp/event "$api/next"
          id=$(sed -nE 's/^Lambda-Runtime-Aws-Request-Id: (.*)\r$/\1/Ip' /tmp/headers)
          sum=$(sha256sum /tmp/event)
          printf '"%s"' "${sum%% *}" | curl -sS --data-binary @- "$api/$id/response" >/dev/null
        done
        """;

    [Fact]
    public async Task A10_what_is_no_JSON()
    {
        byte[][] wrong =
        [
            "{\"FunctionName\":"u8.ToArray(), "{\"FunctionName\":\"a\",}"u8.ToArray(), "{/*c*/}"u8.ToArray(), "{} // c"u8.ToArray(), "\ufeff{}"u8.ToArray(),
            [0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d], "{\"Timeout\":NaN}"u8.ToArray(), "{\"Timeout\":Infinity}"u8.ToArray(), "{} {}"u8.ToArray(),
            "{'a':1}"u8.ToArray(), "{\"a\":01}"u8.ToArray(), "{\"a\":\"\t\"}"u8.ToArray(), "nul"u8.ToArray(), " "u8.ToArray(), [0],
        ];
        foreach (var body in wrong)
        {
            await RefusedAsync(Api.SendAsync("POST", Functions, body), 400, BadContent, "Could not parse request body into json: ");
            await RefusedAsync(Api.InvokeAsync(Good, body), 400, BadContent, "Could not parse request body into json: ");
        }

        // JSON, but not what the operation takes: a lone surrogate is no text, the numbers are none of a timeout.
        string[] unfit =
        [
            """{"FunctionName":"\ud800"}""", """{"\ud800":1}""", """{"Tags":{"\udfff":"v"}}""", """{"Timeout":1e999}""",
            $$"""{"Timeout":{{new string('9', 300)}}}""", """{"Timeout":"3"}""", """{"Timeout":3.5}""", "[]", "7", "null", "\"text\"",
        ];
        foreach (var body in unfit)
        {
            await RefusedAsync(Api.SendAsync("POST", Functions, Encoding.UTF8.GetBytes(body)), 400, BadContent, "Could not parse request body into json: ");
        }
    }

    [Fact]
    public async Task A10_an_event_that_is_JSON_arrives_byte_for_byte()
    {
        var name = await Api.DeployAsync(Echo, runtime: "provided.al2023", file: "bootstrap", handler: "any");
        foreach (var payload in (string[])
            ["""{"a":"\ud800"}""", "1e999", new string('9', 300), " [ 1 ,\r\n2 ] ", "{\"a\":1,\"a\":2}", "\"\\u0000\u2028<>&\u00fc\"", new string('[', 900) + new string(']', 900)])
        {
            var sum = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(payload)));
            Assert.Equal(sum, (string?)await Api.CallAsync(name, payload));
        }
    }

    [Theory]
    [InlineData("""{"FunctionName":"a","FunctionName":"b"}""")]
    [InlineData("""{"FunctionName":"a","Function\u004eame":"b"}""")]
    [InlineData("""{"Unknown":1,"Unknown":2}""")]
    [InlineData("""{"Environment":{"Variables":{"AA":"1","AA":"2"}}}""")]
    [InlineData("""{"Tags":{"a":"1","b":"2","a":"3"}}""")]
    public async Task A11_duplicate_keys(string body)
    {
        await RefusedAsync(Api.SendAsync("POST", Functions, Encoding.UTF8.GetBytes(body)), 400, BadContent);
        await RefusedAsync(Api.SendAsync("PUT", $"{Functions}/{Good}/configuration", Encoding.UTF8.GetBytes(body)), 400, BadContent);
    }

    [Fact]
    public async Task A12_depth() => await MemoryStaysAsync(300, async () =>
    {
        foreach (var depth in (int[])[65, 100_000, 10_000_000])
        {
            await RefusedAsync(Api.SendAsync("POST", Functions, Encoding.UTF8.GetBytes(new string('[', depth))), 400, BadContent);
            await RefusedAsync(Api.SendAsync("POST", Functions, Encoding.UTF8.GetBytes(Nested(depth == 65 ? depth : depth / 5))), 400, BadContent);
        }

        await RefusedAsync(Api.InvokeAsync(Good, new string('[', 100_000) + new string(']', 100_000)), 400, BadContent);
        await RefusedAsync(Api.InvokeAsync(Good, new string('[', 10_000_000)), 413, "RequestEntityTooLargeException");

        // Flat, but of millions of values: each would cost memory many times its byte.
        var wide = Encoding.UTF8.GetBytes($"[{string.Concat(Enumerable.Repeat("0,", 20_000_000))}0]");
        for (var again = 0; again < 4; again++)
        {
            await RefusedAsync(Api.SendAsync("POST", Functions, wide), 400, BadContent, "Too many values.");
        }
    });

    [Fact]
    public async Task A13_payloads_over_the_limit_are_not_taken_in() => await MemoryStaysAsync(150, async () =>
    {
        var large = new byte[PayloadLimit + 1];
        large.AsSpan().Fill((byte)' ');
        const string words = "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)";
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => RefusedAsync(Api.InvokeAsync(Good, large), 413, "RequestEntityTooLargeException", words)));

        // Exactly at the limit it is taken; what the function makes of it is its own affair.
        large[0] = (byte)'7';
        Assert.Equal(200, (await Api.InvokeAsync(Good, large[..PayloadLimit])).Status);

        // Announced, never sent; and of no announced length, without an end.
        var announced = RawHttp.Signed(Server.Address, "POST", $"{Functions}/{Good}/invocations", withLength: false, more: "Content-Length: 60000000\r\n");
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => RawHttp.SendAsync(Server.Address, announced)));
        Assert.All(answers, answer => Assert.Equal(413, answer.Status));
        var endless = RawHttp.Signed(Server.Address, "POST", $"{Functions}/{Good}/invocations", withLength: false, more: "Transfer-Encoding: chunked\r\n")
            + string.Concat(Enumerable.Repeat($"100000\r\n{new string(' ', 0x100000)}\r\n", 9));
        Assert.Equal(413, (await RawHttp.SendAsync(Server.Address, endless)).Status);
    });

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("identity, gzip")]
    public async Task A37_compressed_bodies(string coding) => await MemoryStaysAsync(60, async () =>
    {
        using var bomb = new MemoryStream();
        await using (var packer = new GZipStream(bomb, CompressionLevel.Fastest, leaveOpen: true))
        {
            for (var megabyte = 0; megabyte < 100; megabyte++)
            {
                packer.Write(new byte[1 << 20]);
            }
        }

        void Encoded(HttpRequestMessage request) => request.Content!.Headers.TryAddWithoutValidation("Content-Encoding", coding);
        await RefusedAsync(Api.SendAsync("POST", $"{Functions}/{Good}/invocations", bomb.ToArray(), spoil: Encoded), 415, "UnsupportedMediaTypeException");
        await RefusedAsync(Api.SendAsync("POST", Functions, bomb.ToArray(), spoil: Encoded), 415, "UnsupportedMediaTypeException");
    });

    private static string Nested(int depth) => string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth);
}
