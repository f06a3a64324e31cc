using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fnq.Identity;
using Fnq.IntegrationTests.Journeys;
using Xunit;

namespace Fnq.IntegrationTests.Isolation.Inputs;

/// <summary>Rows A18 to A26: signatures that prove nothing. The published vectors and each part of a request are unit tests of the verifier.</summary>
[Collection(Platform.Collection)]
public sealed class SignatureInputTests(Platform platform, GoodFunction good) : HostileInput(platform, good)
{
    private const string Missing = "MissingAuthenticationTokenException";
    private const string Incomplete = "IncompleteSignatureException";
    private const string Invalid = "InvalidSignatureException";
    private const string Mismatch = "The request signature we calculated does not match";

    [Fact]
    public async Task A18_no_signature_or_half_of_one()
    {
        await RefusedAsync(SpoiltAsync(request => request.Headers.Remove("Authorization")), 403, Missing);
        var right = "";
        await SpoiltAsync(request => right = request.Headers.NonValidated["Authorization"].ToString());
        string[] halves =
        [
            "AWS AKID:c2lnbmF0dXJl", "Basic Zm5xOmZucQ==", "Bearer token", "AWS4-HMAC-SHA512 " + right[17..], "AWS4-ECDSA-P256-SHA256 " + right[17..],
            "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 nonsense", right[..right.IndexOf(", SignedHeaders", StringComparison.Ordinal)],
            right.Replace("Signature=", "Sig=", StringComparison.Ordinal), right + ", Signature=" + new string('0', 64), right.Replace("/aws4_request", "", StringComparison.Ordinal),
            right.Replace("Credential=", "Credential=/", StringComparison.Ordinal), right[..^1] + "g",
        ];
        foreach (var half in halves)
        {
            var answer = await SpoiltAsync(Replaced(half));
            Assert.True(answer is { Status: 403, ErrorType: Incomplete or Invalid }, $"{half}: {answer.Text}");
            await AuditedAsync(answer.RequestId, $"403 {answer.ErrorType}");
        }

        await RefusedAsync(SpoiltAsync(request => request.Headers.TryAddWithoutValidation("Authorization", right)), 403, Incomplete);
    }

    [Fact]
    public async Task A19_one_change_to_each_signed_part()
    {
        var path = $"{Functions}/{Good}/configuration?Qualifier=%24LATEST";
        string[][] changes =
        [
            ["/20", "/21"], ["/us-east-1/", "/us-east-2/"], ["/lambda/", "/lambdb/"], ["/aws4_request", "/aws4_requesu"], ["host;", "hosu;"],
        ];
        foreach (var change in changes)
        {
            await RefusedAsync(
                SpoiltAsync(
                    request => Replaced(request.Headers.NonValidated["Authorization"].ToString().Replace(change[0], change[1], StringComparison.Ordinal))(request),
                    path),
                403, Invalid);
        }

        await RefusedAsync(SpoiltAsync(request => request.Method = HttpMethod.Delete, path), 403, Invalid, Mismatch);
        await RefusedAsync(SpoiltAsync(To(path.Replace("/functions/", "/functionz/", StringComparison.Ordinal)), path), 403, Invalid, Mismatch);
        await RefusedAsync(SpoiltAsync(To(path + "&a=1"), path), 403, Invalid, Mismatch);
        await RefusedAsync(SpoiltAsync(To(path.Replace("%24", "%25", StringComparison.Ordinal)), path), 403, Invalid, Mismatch);
        await RefusedAsync(SpoiltAsync(request => request.Headers.Host = "localhost:1", path), 403, Invalid, Mismatch);
        await RefusedAsync(
            SpoiltAsync(request => request.Content = new ByteArrayContent("{\"a\":3}"u8.ToArray()), $"{Functions}/{Good}/invocations", "POST", "{\"a\":1}"u8.ToArray()),
            403, Invalid, Mismatch);
        await RefusedAsync(
            SpoiltAsync(request => Flip(request, "X-Amz-Log-Type", "None"), $"{Functions}/{Good}/invocations", "POST", headers: new() { ["X-Amz-Log-Type"] = "Tail" }),
            403, Invalid, Mismatch);
    }

    [Fact]
    public async Task A20_times()
    {
        var window = TimeSpan.FromMinutes(5);
        await RefusedAsync(Shifted(-window - TimeSpan.FromSeconds(2)).SendAsync("GET", Functions), 403, Invalid, "Signature expired: ");
        await RefusedAsync(Shifted(window + TimeSpan.FromSeconds(10)).SendAsync("GET", Functions), 403, Invalid, "Signature not yet current: ");
        await RefusedAsync(Shifted(TimeSpan.FromDays(3650)).SendAsync("GET", Functions), 403, Invalid, "Signature not yet current: ");
        Assert.Equal(200, (await Shifted(-window + TimeSpan.FromSeconds(20)).SendAsync("GET", Functions)).Status);
        Assert.Equal(200, (await Shifted(window - TimeSpan.FromSeconds(20)).SendAsync("GET", Functions)).Status);
        foreach (var date in (string[])["yesterday", "20260230T000000Z", "2026-01-01T00:00:00Z", "99999999T999999Z", ""])
        {
            var answer = await SpoiltAsync(request => Flip(request, "X-Amz-Date", date));
            Assert.True(answer is { Status: 403, ErrorType: Incomplete or Invalid }, $"{date}: {answer.Text}");
            await AuditedAsync(answer.RequestId, $"403 {answer.ErrorType}");
        }

        await RefusedAsync(SpoiltAsync(request => Flip(request, "X-Amz-Date", "20010101T000000Z")), 403, Invalid, "Date in Credential scope does not match");
    }

    [Fact]
    public async Task A21_presigned_urls()
    {
        Assert.Equal(200, (await PlainAsync(Presigned(60))).Status);
        foreach (var seconds in (string[])["0", "604801", "-1", "abc", "", "99999999999"])
        {
            await RefusedAsync(PlainAsync(Presigned(60).Replace("X-Amz-Expires=60", $"X-Amz-Expires={seconds}", StringComparison.Ordinal)), 403, Incomplete);
        }

        await RefusedAsync(PlainAsync(Presigned(60, TimeSpan.FromMinutes(-3))), 403, Invalid, "Signature expired: ");
        await RefusedAsync(PlainAsync(Presigned(60) + "&X-Amz-Signature=" + new string('0', 64)), 403, Incomplete);
        await RefusedAsync(PlainAsync(Presigned(60).Replace("X-Amz-Expires=60", "X-Amz-Expires=61", StringComparison.Ordinal)), 403, Invalid, Mismatch);
        await RefusedAsync(PlainAsync(Presigned(60).Replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=", StringComparison.Ordinal)), 403, Incomplete);
        var token = await PlainAsync(Presigned(60) + "&X-Amz-Security-Token=abc");
        Assert.Equal(403, token.Status);
        await AuditedAsync(token.RequestId, $"403 {token.ErrorType}");
    }

    [Fact]
    public async Task A22_headers_that_have_to_be_signed()
    {
        await RefusedAsync(SpoiltAsync(request => request.Headers.TryAddWithoutValidation("X-Amz-Target", "evil")), 403, Invalid, "Every 'X-Amz-' header");
        await RefusedAsync(SpoiltAsync(SignedHeaders("x-amz-date")), 403, Invalid, "'Host'");
        await RefusedAsync(SpoiltAsync(SignedHeaders("x-amz-date;host")), 403, Invalid, "sorted");
        await RefusedAsync(SpoiltAsync(SignedHeaders("Host;X-Amz-Date")), 403, Invalid, "lower-case");
        await RefusedAsync(SpoiltAsync(SignedHeaders("host;host;x-amz-date")), 403, Invalid, "without duplicates");
        await RefusedAsync(SpoiltAsync(SignedHeaders("host;x-absent;x-amz-date")), 403, Invalid, "not in the request");
        await RefusedAsync(SpoiltAsync(SignedHeaders("host")), 403, Invalid);
    }

    [Fact]
    public async Task A23_payloads_that_are_not_those_signed()
    {
        async Task WithHash(string hash, byte[] body) => await RefusedAsync(
            Api.SendAsync("POST", $"{Functions}/{Good}/invocations", body, new Dictionary<string, string> { ["X-Amz-Content-Sha256"] = hash }), 403, Invalid, Mismatch);

        await WithHash("UNSIGNED-PAYLOAD", "{}"u8.ToArray());
        await WithHash("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "2;chunk-signature=0\r\n{}\r\n"u8.ToArray());
        await WithHash("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "2\r\n{}\r\n0\r\n"u8.ToArray());
        await WithHash(Convert.ToHexStringLower(SHA256.HashData("other"u8)), "{}"u8.ToArray());
        await WithHash(Convert.ToHexString(SHA256.HashData("{}"u8)), "{}"u8.ToArray());
    }

    /// <summary>Signed and verified on the raw target; what reaches the router is decoded once, segment by segment.</summary>
    [Theory]
    [InlineData("/2015-03-31//functions", 404)]
    [InlineData("/2015-03-31/./functions", 404)]
    [InlineData("/2015-03-31/x/../functions", 404)]
    [InlineData("/2015-03-31/functions/{0}%2Fconfiguration", 400)]
    [InlineData("/2015-03-31/functions/%252E%252E/configuration", 400)]
    [InlineData("/2015-03-31/functions/a+b/configuration", 400)]
    [InlineData("/2015-03-31/functions/a%20b/configuration", 400)]
    [InlineData("/2015-03-31/functions/%C3%BC/configuration", 400)]
    [InlineData("/2015-03-31/functions/{0}/configuration?=", 200)]
    [InlineData("/2015-03-31/functions/{0}/configuration?=x&&&a", 200)]
    [InlineData("/2015-03-31/functions/{0}/configuration/?a=+&a=%20&A=%2B&%C3%BC=1", 200)]
    [InlineData("/2015-03-31/functions/{0}/configuration?Qualifier=%24LATEST&Qualifier=x", 200)]
    public async Task A24_paths_and_queries(string target, int status)
    {
        target = string.Format(CultureInfo.InvariantCulture, target, Good);
        var answer = await RawHttp.SendAsync(Server.Address, RawHttp.Signed(Server.Address, "GET", target));
        Assert.True(answer.Status == status, $"{status} expected for {target}: {answer.Text}");

        // Spelt otherwise, the path is another one: its signature does not hold for it.
        var other = RawHttp.Signed(Server.Address, "GET", "/2015-03-31/functions/x").Replace("/functions/x ", "/functions/%78 ", StringComparison.Ordinal);
        Assert.Equal(403, (await RawHttp.SendAsync(Server.Address, other)).Status);
    }

    [Fact]
    public async Task A25_a_replay_is_served_as_AWS_does()
    {
        var request = RawHttp.Signed(Server.Address, "GET", $"{Functions}/{Good}");
        Assert.Equal(200, (await RawHttp.SendAsync(Server.Address, request)).Status);
        Assert.Equal(200, (await RawHttp.SendAsync(Server.Address, request)).Status);
    }

    [Fact]
    public async Task A26_unknown_keys_and_wrong_secrets_take_the_same_time()
    {
        using LambdaApi wrong = new(Server.Address, Platform.AccessKeyId, "wrong"), unknown = new(Server.Address, "AKIDUNKNOWN", Platform.Secret);
        await RefusedAsync(wrong.SendAsync("GET", Functions), 403, Invalid, Mismatch);
        await RefusedAsync(unknown.SendAsync("GET", Functions), 403, "UnrecognizedClientException", "The security token included in the request is invalid.");
        List<double> times = [], others = [];
        for (var i = 0; i < 300; i++)
        {
            times.Add(await TimeAsync(wrong));
            others.Add(await TimeAsync(unknown));
        }

        double median = Median(times), other = Median(others);
        TestContext.Current.SendDiagnosticMessage("Medians: wrong secret {0:0.000} ms, unknown key {1:0.000} ms", median, other);
        Assert.InRange(other / median, 0.5, 2);

        static async Task<double> TimeAsync(LambdaApi api)
        {
            var begun = Stopwatch.GetTimestamp();
            Assert.Equal(403, (await api.SendAsync("GET", Functions)).Status);
            return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }

        static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
    }

    [Fact]
    public async Task Audit_lines_hold_no_secret_and_cannot_be_forged()
    {
        var forged = $"{Guid.NewGuid():N}";
        await RawHttp.SendAsync(Server.Address, $"GET /{forged}%0d%0aFnq.Audit[1300]%20Refused HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        await SpoiltAsync(Replaced($"AWS4-HMAC-SHA256 Credential={forged}/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature={forged}{forged}"));
        await PlainAsync(Presigned(60).Replace("X-Amz-Expires=60", "X-Amz-Expires=0", StringComparison.Ordinal));
        var lines = AuditLines().ToList();
        Assert.All(lines, line => Assert.Matches(@"^\S+ info: Fnq\.Audit\[1300\] Refused \S+ \S+ \(\S+ \S+\) of key \S+ from [0-9a-f:.]+: 4[0-9]{2} \S+, request \S+$", line));
        Assert.DoesNotContain(lines, line => line.Contains("Signature", StringComparison.Ordinal) && !line.Contains("SignatureException", StringComparison.Ordinal));
        Assert.DoesNotContain(
            lines, line => line.Contains(forged + forged, StringComparison.Ordinal) || line.Contains(Platform.Secret, StringComparison.Ordinal));
    }

    private Task<ApiAnswer> SpoiltAsync(
        Action<HttpRequestMessage> spoil, string path = Functions, string method = "GET", byte[]? body = null, Dictionary<string, string>? headers = null) =>
        Api.SendAsync(method, path, body, headers, spoil);

    private Task<ApiAnswer> PlainAsync(string target) =>
        Api.ExchangeAsync(new HttpRequestMessage(HttpMethod.Get, Server.Address.ToString().TrimEnd('/') + target));

    private string Presigned(int seconds, TimeSpan shift = default) =>
        new SigV4Signer(Platform.AccessKeyId, Platform.Secret, "us-east-1", "lambda", new ShiftedClock(shift))
            .Presign("GET", $"{Functions}/{Good}", Server.Address.Authority, TimeSpan.FromSeconds(seconds));

    private LambdaApi Shifted(TimeSpan shift) => new(Server.Address, Platform.AccessKeyId, Platform.Secret, clock: new ShiftedClock(shift));

    private Action<HttpRequestMessage> To(string path) => request => request.RequestUri = new Uri(Server.Address, path);

    private static Action<HttpRequestMessage> SignedHeaders(string names) => request => Replaced(
        System.Text.RegularExpressions.Regex.Replace(request.Headers.NonValidated["Authorization"].ToString(), "SignedHeaders=[^,]*", $"SignedHeaders={names}"))(request);

    private static Action<HttpRequestMessage> Replaced(string authorization) => request => Flip(request, "Authorization", authorization);

    private static void Flip(HttpRequestMessage request, string header, string value)
    {
        request.Headers.Remove(header);
        request.Headers.TryAddWithoutValidation(header, value);
    }

    private sealed class ShiftedClock(TimeSpan shift) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + shift;
    }
}
