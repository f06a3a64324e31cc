using System.Text;
using System.Text.Json.Nodes;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Invocations.Events;
using Xunit;

namespace Fnq.Tests.Invocations.Events;

public sealed class DestinationRecordTests
{
    private const string Arn = "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST";
    private static readonly DateTimeOffset Now = new(2019, 11, 14, 18, 16, 5, 568, TimeSpan.Zero);

    private static readonly InvokeFunction Invocation = new()
    {
        RequestId = Guid.Parse("e4b46cbf-b738-xmpl-8880-a18cdf61200e".Replace("xmpl", "4321")),
        Function = new("123456789012", "us-east-1", "f"),
        Payload = """{ "ORDER_IDS": [1,2.50] }"""u8.ToArray(),
        TraceId = "Root=1",
        Trigger = "api",
        AcceptedAt = Now,
        Runs = 3,
    };

    [Fact]
    public void A_failure_is_told_as_AWS_tells_it() => Assert.Equal(
        """
        {"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"e4b46cbf-b738-4321-8880-a18cdf61200e","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{ "ORDER_IDS": [1,2.50] },"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorMessage":"no"}}
        """,
        Text(EventCondition.RetriesExhausted, new InvocationResult
        {
            Status = DispatchStatus.Completed, IsFunctionError = true, Payload = """{"errorMessage":"no"}"""u8.ToArray(),
        }));

    [Fact]
    public void A_success_has_no_functionError()
    {
        var json = JsonNode.Parse(Text(EventCondition.Success, new InvocationResult { Status = DispatchStatus.Completed, Payload = "null"u8.ToArray() }))!;
        Assert.Null(json["responseContext"]!["functionError"]);
        Assert.True(json.AsObject().ContainsKey("responsePayload"));
    }

    [Fact]
    public void Without_an_answer_there_is_no_response()
    {
        var json = JsonNode.Parse(Text(EventCondition.AgeExceeded, null))!.AsObject();
        Assert.False(json.ContainsKey("responseContext") || json.ContainsKey("responsePayload"));
    }

    [Theory]
    [InlineData("not json", "not json")]
    [InlineData("{\"a\":", "{\"a\":")]
    [InlineData("", "")]
    public void What_a_runtime_answers_and_is_no_json_becomes_a_string(string payload, string shown) => Assert.Equal(
        shown,
        (string?)JsonNode.Parse(Text(
            EventCondition.Success,
            new InvocationResult { Status = DispatchStatus.Completed, Payload = Encoding.UTF8.GetBytes(payload) }))!["responsePayload"]);

    private static string Text(string condition, InvocationResult? result) =>
        Encoding.UTF8.GetString(DestinationRecord.Write(Invocation, Arn, condition, result, Now));
}
