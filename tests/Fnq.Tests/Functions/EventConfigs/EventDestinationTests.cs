using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Functions.EventConfigs;
using Xunit;

namespace Fnq.Tests.Functions.EventConfigs;

public sealed class EventDestinationTests
{
    [Theory]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:function:next", "us-east-1", null)]
    [InlineData("arn:aws:lambda:eu-west-1:123456789012:function:next:$LATEST", "eu-west-1", "$LATEST")]
    [InlineData("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:next:7", "us-gov-west-1", "7")]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:function:next:live", "us-east-1", "live")]
    public void Function_has_its_key_and_qualifier(string arn, string region, string? qualifier) =>
        Assert.Equal(new FunctionDestination(new("123456789012", region, "next"), qualifier), EventDestination.Parse(arn));

    [Theory]
    [InlineData("arn:aws:sqs:us-east-1:123456789012:failed_events-1", "failed_events-1")]
    [InlineData("arn:aws:sqs:us-east-1:123456789012:failed.fifo", "failed.fifo")]
    public void Queue_has_its_name(string arn, string name) => Assert.Equal(new QueueDestination(name), EventDestination.Parse(arn));

    [Theory]
    [InlineData("arn:aws:sns:us-east-1:123456789012:events", "events")]
    [InlineData("arn:aws:sns:us-east-1:123456789012:events.fifo", "events.fifo")]
    public void Topic_has_its_name(string arn, string name) => Assert.Equal(new TopicDestination(name), EventDestination.Parse(arn));

    [Theory]
    [InlineData("http://example.com")]
    [InlineData("https://example.com:8443/hook?to=me@example.com#x")]
    [InlineData("HTTPS://[::1]/hook")]
    public void Webhook_has_its_address(string text) => Assert.Equal(new WebhookDestination(new Uri(text)), EventDestination.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("next")]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:function:")]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:function:a.b")]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:function:next:")]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:layer:next")]
    [InlineData("arn:aws:lambda:us-east-1:1234:function:next")]
    [InlineData("arn:aws:lambda:us-east-1:123456789012:function:next\n")]
    [InlineData("arn:aws:sqs:us-east-1:123456789012:")]
    [InlineData("arn:aws:sqs:us-east-1:123456789012:.fifo")]
    [InlineData("arn:aws:sqs:us-east-1:123456789012:a.b")]
    [InlineData("arn:aws:sqs:us-east-1:123456789012:a/b")]
    [InlineData("arn:aws:sqs:us-east-1:123456789012:a\n")]
    [InlineData("arn:aws:sqs::123456789012:a")]
    [InlineData("arn:aws:sns:us-east-1:123456789012:a:b")]
    [InlineData("arn:aws:s3:::bucket")]
    [InlineData("arn:aws:events:us-east-1:123456789012:event-bus/default")]
    [InlineData("ftp://example.com/x")]
    [InlineData("https://")]
    [InlineData("https:///x")]
    [InlineData("https://user:secret@example.com/")]
    [InlineData("https://@example.com/")]
    [InlineData("https://example.com\\@other.com/")]
    [InlineData(" https://example.com/")]
    [InlineData("https://example.com/a b")]
    [InlineData("https://example.com/\r\nX: y")]
    [InlineData("https://example.com/\0")]
    [InlineData("https://example.com:99999/")]
    public void Everything_else_is_none(string text) => Assert.Null(EventDestination.Parse(text));

    [Fact]
    public void Names_and_addresses_have_the_lengths_of_aws()
    {
        Assert.NotNull(EventDestination.Parse(Queue(80)));
        Assert.Null(EventDestination.Parse(Queue(81)));
        Assert.NotNull(EventDestination.Parse(Topic(256)));
        Assert.Null(EventDestination.Parse(Topic(257)));
        Assert.NotNull(EventDestination.Parse(Address(350)));
        Assert.Null(EventDestination.Parse(Address(351)));

        static string Queue(int length) => "arn:aws:sqs:us-east-1:123456789012:" + new string('q', length);
        static string Topic(int length) => "arn:aws:sns:us-east-1:123456789012:" + new string('t', length);
        static string Address(int length) => "https://example.com/".PadRight(length, 'x');
    }
}
