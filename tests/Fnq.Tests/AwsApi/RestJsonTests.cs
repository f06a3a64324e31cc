using System.Text;
using System.Text.Json.Serialization;
using Fnq.AwsApi;
using Fnq.Tests.Identity;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Fnq.Tests.AwsApi;

public sealed partial class RestJsonTests
{
    private static readonly ShapeContext Shapes = new(RestJson.Options());

    private static readonly byte[][] BadBodies =
    [
        Bytes("{\"Name\":\"a\",}"), Bytes("{\"Name\":\"a\" /* x */}"), [0xEF, 0xBB, 0xBF, .. Bytes("{}")], [.. Bytes("{\"Name\":\""), 0xFF, .. Bytes("\"}")],
        Bytes("{\"Name\":\"\\ud800\"}"), Bytes("{\"Size\":NaN}"), Bytes("{\"Size\":1e999}"), Bytes($"{{\"Size\":{new string('9', 300)}}}"),
        Bytes("{\"Name\":\"a\",\"Name\":\"b\"}"), Bytes("{\"Any\":1,\"Any\":2}"), Bytes("{\"Name\":5}"), Bytes("null"), Bytes("[]"), Bytes("{"), Bytes(" "),
        Bytes($"{{\"Any\":{new string('[', 64)}{new string(']', 64)}}}"), Bytes(new string('[', 10_000_000)),
    ];

    [Fact]
    public void Refuses_what_is_not_strict_JSON() => Assert.All(BadBodies, body =>
    {
        var refused = Assert.Throws<AwsException>(() => RestJson.Read(Request(body), Shapes.Shape));

        Assert.Equal((400, "InvalidRequestContentException", MessageMember.Lower), (refused.Status, refused.Type, refused.Member));
    });

    [Fact]
    public void Reads_known_members_and_lets_others_pass()
    {
        var shape = RestJson.Read(Request(Bytes("{\"Name\":\"a\",\"Later\":{\"x\":[1]},\"Size\":3}")), Shapes.Shape);

        Assert.Equal(new Shape("a", 3), shape);
        Assert.Equal(new Shape(null, null), RestJson.Read(Request([]), Shapes.Shape));
    }

    [Fact]
    public void Refuses_duplicate_keys_of_documents()
    {
        using var document = RestJson.ReadDocument(Request(Bytes("{\"a\":[1]}")));
        Assert.Equal("{\"a\":[1]}", document.RootElement.GetRawText());

        Assert.Throws<AwsException>(() => RestJson.ReadDocument(Request(Bytes("{\"a\":1,\"a\":2}"))));
    }

    [Theory]
    [InlineData((int)MessageMember.Capital, 404, """{"Type":"User","Message":"Function not found: \"é<\""}""")]
    [InlineData((int)MessageMember.Lower, 409, """{"Type":"User","message":"Function not found: \"é<\""}""")]
    [InlineData((int)MessageMember.LowerWithoutType, 400, """{"message":"Function not found: \"é<\""}""")]
    [InlineData((int)MessageMember.Capital, 500, """{"Type":"Service","Message":"Function not found: \"é<\""}""")]
    public async Task Writes_errors_in_the_form_of_their_exception(int member, int status, string body)
    {
        var http = new DefaultHttpContext();
        http.Response.Body = new MemoryStream();
        await RestJson.WriteErrorAsync(http, new AwsException(status, "XException", "Function not found: \"é<\"", (MessageMember)member));

        Assert.Equal((status, "XException", body), (http.Response.StatusCode, http.Response.Headers["x-amzn-ErrorType"].ToString(), Text(http)));
    }

    [Fact]
    public async Task Writes_throttles_with_reason_and_wait()
    {
        var http = new DefaultHttpContext();
        http.Response.Body = new MemoryStream();
        await RestJson.WriteErrorAsync(http, new AwsException(429, "TooManyRequestsException", "Rate Exceeded.", MessageMember.Lower)
        {
            Reason = "ReservedFunctionConcurrentInvocationLimitExceeded",
            RetryAfterSeconds = 1,
        });

        Assert.Equal("1", http.Response.Headers.RetryAfter);
        Assert.Equal("""{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}""", Text(http));
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(DefaultHttpContext http) => Encoding.UTF8.GetString(((MemoryStream)http.Response.Body).ToArray());

    private static AwsRequest Request(byte[] body) => new()
    {
        Http = new DefaultHttpContext(),
        Caller = TestKey.Of("AKIDEXAMPLE", "s").Caller,
        Region = "us-east-1",
        RequestId = Guid.Empty,
        RawPath = "/",
        Body = body,
    };

    internal sealed record Shape(string? Name, int? Size);

    [JsonSerializable(typeof(Shape))]
    private sealed partial class ShapeContext : JsonSerializerContext;
}
