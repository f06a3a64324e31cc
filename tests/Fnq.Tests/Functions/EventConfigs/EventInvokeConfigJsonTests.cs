using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Fnq.Contracts;
using Fnq.Functions;
using Fnq.Functions.EventConfigs;
using Xunit;

namespace Fnq.Tests.Functions.EventConfigs;

public sealed class EventInvokeConfigJsonTests
{
    private static readonly DateTimeOffset Time = DateTimeOffset.FromUnixTimeMilliseconds(1_714_567_890_120);

    [Fact]
    public void What_is_not_set_is_not_there_but_both_destinations_always_are() => Assert.Equal(
        """{"LastModified":1714567890.120,"FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST","DestinationConfig":{"OnSuccess":{},"OnFailure":{}}}""",
        Write(new() { Qualifier = "$LATEST", LastModified = Time }));

    [Fact]
    public void What_is_set_is_there() => Assert.Equal(
        """{"LastModified":1714567890.120,"FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:f:7","MaximumRetryAttempts":0"""
        + ""","MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{"Destination":"https://example.com/?a=1&b=2"}"""
        + ""","OnFailure":{"Destination":"arn:aws:sqs:us-east-1:123456789012:q"}}}""",
        Write(new()
        {
            Qualifier = "7",
            MaximumRetryAttempts = 0,
            MaximumEventAgeSeconds = 60,
            OnSuccess = "https://example.com/?a=1&b=2",
            OnFailure = "arn:aws:sqs:us-east-1:123456789012:q",
            LastModified = Time,
        }));

    [Fact]
    public void A_request_knows_what_was_not_given()
    {
        var request = FunctionsJson.Read("""{"MaximumRetryAttempts":0,"DestinationConfig":{"OnFailure":{"Destination":""}}}""", FunctionsJson.Api.EventInvokeConfigRequest);
        Assert.Equal((0, null), (request.MaximumRetryAttempts, request.MaximumEventAgeInSeconds));
        Assert.Null(request.DestinationConfig!.OnSuccess);
        Assert.Null(DestinationRequest.Of(request.DestinationConfig.OnFailure));
    }

    private static string Write(EventInvokeConfigRow row)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            EventInvokeConfigJson.Write(json, new FunctionKey("123456789012", "us-east-1", "f"), row);
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
