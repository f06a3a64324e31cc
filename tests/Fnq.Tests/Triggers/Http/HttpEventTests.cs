using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Fnq.Triggers.Http;
using Xunit;

namespace Fnq.Tests.Triggers.Http;

public sealed class HttpEventTests
{
    private static readonly HttpCall Call = new()
    {
        RequestId = Guid.Parse("11111111-2222-3333-4444-555555555555"),
        UrlId = "abcdefghijklmnopqrstuvwxyz012345",
        DomainName = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.localhost",
        Method = "POST",
        Path = "/my/path",
        RawQuery = "a=1&a=2&b=x%20y+z&c",
        Headers =
        [
            new("Content-Type", ["application/json"]), new("X-Two", ["1", "2"]), new("Cookie", ["c1=v; c2=w"]), new("Connection", ["keep-alive"]),
            new("User-Agent", ["agent"]),
        ],
        Protocol = "HTTP/1.1",
        Source = IPAddress.Parse("1.2.3.4"),
        Port = 9000,
        TraceId = "Root=1-5759e988-bd862e3fe1be46a994272793",
        ReceivedAt = new DateTimeOffset(2020, 3, 12, 19, 3, 58, 390, TimeSpan.Zero),
        Body = "{\"n\": 1}"u8.ToArray(),
    };

    [Fact]
    public void A_call_is_told_in_format_2() => Assert.Equal(
        """
        {"version":"2.0","routeKey":"$default","rawPath":"/my/path","rawQueryString":"a=1&a=2&b=x%20y+z&c","cookies":["c1=v","c2=w"],"headers":{"content-type":"application/json","user-agent":"agent","x-amzn-trace-id":"Root=1-5759e988-bd862e3fe1be46a994272793","x-forwarded-for":"1.2.3.4","x-forwarded-port":"9000","x-forwarded-proto":"http","x-two":"1,2"},"queryStringParameters":{"a":"1,2","b":"x y z","c":""},"requestContext":{"accountId":"anonymous","apiId":"abcdefghijklmnopqrstuvwxyz012345","domainName":"abcdefghijklmnopqrstuvwxyz012345.lambda-url.localhost","domainPrefix":"abcdefghijklmnopqrstuvwxyz012345","http":{"method":"POST","path":"/my/path","protocol":"HTTP/1.1","sourceIp":"1.2.3.4","userAgent":"agent"},"requestId":"11111111-2222-3333-4444-555555555555","routeKey":"$default","stage":"$default","time":"12/Mar/2020:19:03:58 +0000","timeEpoch":1584039838390},"body":"{\"n\": 1}","isBase64Encoded":false}
        """,
        Encoding.UTF8.GetString(HttpEvent.Write(Call)));

    [Theory]
    [InlineData("text/plain; charset=utf-8", true)]
    [InlineData("application/problem+json", true)]
    [InlineData("APPLICATION/XML", true)]
    [InlineData("application/octet-stream", false)]
    [InlineData("multipart/form-data; boundary=x", false)]
    [InlineData("application/x-www-form-urlencoded", false)]
    [InlineData("image/svg+xml", false)]
    [InlineData(null, false)]
    public void Only_text_is_passed_as_text(string? type, bool isText) => Assert.Equal(isText, HttpEvent.IsText(type));

    [Fact]
    public void Text_that_is_none_is_passed_in_base64()
    {
        var json = Event(Call with { Body = new byte[] { 0xFF, 0xFE } });
        Assert.Equal(("//4=", true), ((string?)json["body"], (bool)json["isBase64Encoded"]!));
    }

    [Fact]
    public void What_is_not_there_is_left_out()
    {
        var json = Event(Call with { RawQuery = "", Headers = [], Body = default }).AsObject();
        Assert.All(["cookies", "queryStringParameters", "body"], name => Assert.False(json.ContainsKey(name)));
        Assert.False((bool)json["isBase64Encoded"]!);
    }

    [Fact]
    public void A_signed_call_tells_who_signed()
    {
        var iam = Event(Call with { Caller = new("AKIA1", "123456789012", "arn:aws:iam::123456789012:user/u", "AIDA1") })["requestContext"]!;
        Assert.Equal("123456789012", (string?)iam["accountId"]);
        Assert.Equal(
            """{"accessKey":"AKIA1","accountId":"123456789012","callerId":"AIDA1","cognitoIdentity":null,"principalOrgId":null,"userArn":"arn:aws:iam::123456789012:user/u","userId":"AIDA1"}""",
            iam["authorizer"]!["iam"]!.ToJsonString());
    }

    private static JsonNode Event(HttpCall call) => JsonNode.Parse(HttpEvent.Write(call))!;
}
