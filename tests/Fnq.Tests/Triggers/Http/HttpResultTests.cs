using System.Text;
using Fnq.Triggers.Http;
using Xunit;

namespace Fnq.Tests.Triggers.Http;

public sealed class HttpResultTests
{
    [Theory]
    [InlineData("\"plain\"", "plain")]
    [InlineData("{\"a\": 1}", "{\"a\": 1}")]
    [InlineData("[1]", "[1]")]
    [InlineData("null", "null")]
    [InlineData("7.50", "7.50")]
    public void What_is_no_answer_is_the_body_of_a_200(string result, string body)
    {
        var read = Read(result)!;
        Assert.Equal((200, body), (read.Status, Text(read)));
        Assert.Equal("application/json", Header(read, "Content-Type"));
    }

    [Fact]
    public void An_answer_says_status_headers_cookies_and_body()
    {
        var read = Read("""
            {"statusCode": 201, "headers": {"Content-Type": "text/html", "X-Number": 7, "Transfer-Encoding": "chunked", "content-length": "1"},
             "cookies": ["a=1", "b=2; Secure"], "body": "PGI+", "isBase64Encoded": true}
            """)!;
        Assert.Equal((201, "<b>"), (read.Status, Text(read)));
        Assert.Equal(("text/html", "7"), (Header(read, "Content-Type"), Header(read, "X-Number")));
        Assert.Equal(2, read.Headers.Count);
        Assert.Equal(["a=1", "b=2; Secure"], read.Cookies);
    }

    [Theory]
    [InlineData("{\"statusCode\": \"404\"}", 404)]
    [InlineData("{\"statusCode\": 599, \"body\": null}", 599)]
    public void A_status_may_be_a_text(string result, int status) => Assert.Equal(status, Read(result)!.Status);

    [Theory]
    [InlineData("{\"statusCode\": 99}")]
    [InlineData("{\"statusCode\": 101}")]
    [InlineData("{\"statusCode\": 600}")]
    [InlineData("{\"statusCode\": 200.5}")]
    [InlineData("{\"statusCode\": null}")]
    [InlineData("{\"statusCode\": 200, \"headers\": {\"X\": \"a\\r\\nSet-Cookie: b\"}}")]
    [InlineData("{\"statusCode\": 200, \"headers\": {\"X Y\": \"a\"}}")]
    [InlineData("{\"statusCode\": 200, \"cookies\": [\"a\\nb\"]}")]
    [InlineData("{\"statusCode\": 200, \"cookies\": [7]}")]
    [InlineData("{\"statusCode\": 200, \"isBase64Encoded\": true, \"body\": \"???\"}")]
    [InlineData("no json")]
    [InlineData("")]
    public void What_cannot_be_answered_is_nothing(string result) => Assert.Null(Read(result));

    private static HttpResult? Read(string result) => HttpResult.Read(Encoding.UTF8.GetBytes(result));

    private static string Text(HttpResult result) => Encoding.UTF8.GetString(result.Body.Span);

    private static string Header(HttpResult result, string name) => result.Headers.Single(header => header.Key == name).Value;
}
