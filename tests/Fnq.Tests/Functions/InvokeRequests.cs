using System.Text;
using Fnq.AwsApi;
using Fnq.Functions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Fnq.Tests.Functions;

public sealed class InvokeRequests
{
    private const string Source = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); ";

    [Theory]
    [InlineData("{\"a\": 1e999, \"a\": 2}")]
    [InlineData(" \"\\ud800\" ")]
    [InlineData("null")]
    public void Pass_every_json_byte_for_byte(string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        Assert.True(InvokePayload.Check(bytes).Span.SequenceEqual(bytes));
    }

    [Fact]
    public void Deliver_an_empty_object_for_an_empty_body() => Assert.Equal("{}", Encoding.UTF8.GetString(InvokePayload.Check(default).Span));

    [Fact]
    public void Describe_the_first_bad_byte_as_AWS_does() => Assert.Equal(
        "Could not parse request body into json: Could not parse payload into json: Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        + Source + "line: 1, column: 1]",
        Refused([153, 1]).Message);

    [Fact]
    public void Describe_unknown_words_and_early_ends()
    {
        Assert.Contains("Unrecognized token 'hello': was expecting", Refused("hello"u8).Message);
        Assert.EndsWith("line: 2, column: 2]", Refused("{\n x}"u8).Message);
        Assert.Contains("Unexpected end-of-input", Refused("{\"a\":"u8).Message);
    }

    [Theory]
    [InlineData("{\"a\":1,}")]
    [InlineData("{} {}")]
    [InlineData("// c\n{}")]
    [InlineData("NaN")]
    [InlineData("\ufeff{}")]
    [InlineData("  ")]
    [InlineData("01")]
    public void Refuse_what_is_not_json(string body)
    {
        var error = Refused(Encoding.UTF8.GetBytes(body));
        Assert.Equal((400, "InvalidRequestContentException", MessageMember.Lower), (error.Status, error.Type, error.Member));
    }

    [Fact]
    public void Refuse_depth_and_bad_utf8_without_falling_over()
    {
        Refused(Encoding.ASCII.GetBytes(new string('[', 6_000_000)));
        Refused([(byte)'"', 0xC3, 0x28, (byte)'"']);
    }

    [Theory]
    [InlineData("Root=1-5759e988-bd862e3fe1be46a994272793", "root=1-5759e988-bd862e3fe1be46a994272793;sampled=0")]
    [InlineData("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", "root=1-5759e988-bd862e3fe1be46a994272793;sampled=1")]
    public void Keep_a_valid_trace(string given, string answered)
    {
        var trace = Read(("X-Amzn-Trace-Id", given)).TraceId;
        Assert.Equal((given, answered), (trace, InvokeHeaders.AnswerTrace(trace)));
    }

    [Theory]
    [InlineData("Root=1-5759e988-bd862e3fe1be46a99427279")]
    [InlineData("Root=1-5759e988-bd862e3fe1be46a99427279z;Sampled=0")]
    [InlineData("nonsense")]
    public void Make_a_trace_where_none_or_a_bad_one_came(string given) =>
        Assert.Matches("^Root=1-386d4380-[0-9a-f]{24};Sampled=0$", Read(("X-Amzn-Trace-Id", given)).TraceId);

    [Fact]
    public void Decode_the_client_context()
    {
        Assert.Equal("{\"a\":1}", Read(("X-Amz-Client-Context", Convert.ToBase64String("{\"a\":1}"u8))).ClientContext);
        foreach (var bad in new[] { "%%%", Convert.ToBase64String("[]"u8), Convert.ToBase64String("{"u8), new string('A', 3_584) })
        {
            Assert.Equal(400, Assert.Throws<AwsException>(() => Read(("X-Amz-Client-Context", bad))).Status);
        }
    }

    [Fact]
    public void Refuse_unknown_types() => Assert.Equal(
        "1 validation error detected: Value 'Sync' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
        Assert.Throws<AwsException>(() => Read(("X-Amz-Invocation-Type", "Sync"))).Message);

    private static InvokeHeaders Read(params (string Name, string Value)[] headers)
    {
        var given = new HeaderDictionary();
        foreach (var (name, value) in headers)
        {
            given[name] = value;
        }

        return InvokeHeaders.Read(given, new FakeTimeProvider(new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero)));
    }

    private static AwsException Refused(ReadOnlySpan<byte> body)
    {
        var bytes = body.ToArray();
        return Assert.Throws<AwsException>(() => InvokePayload.Check(bytes));
    }
}
