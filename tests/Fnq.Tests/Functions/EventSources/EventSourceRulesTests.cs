using Fnq.AwsApi;
using Fnq.Functions;
using Fnq.Functions.EventSources;
using Xunit;

namespace Fnq.Tests.Functions.EventSources;

public sealed class EventSourceRulesTests
{
    private const string Sqs = "arn:aws:sqs:us-east-1:123456789012:q";
    private const string Broker = "arn:aws:mq:us-east-1:123456789012:broker:b:b-1234";
    private const string NotHere = "not available in this version of Fnq";
    private static readonly FunctionReference Function = new(new("123456789012", "us-east-1", "f"), "live");

    [Fact]
    public void Defaults_are_those_of_AWS()
    {
        var sqs = Create($$"""{"EventSourceArn":"{{Sqs}}"}""");
        Assert.Equal((10, 0, true, "q", 1L), (sqs.BatchSize, sqs.WindowSeconds, sqs.Enabled, sqs.Queue, sqs.Revision));
        var broker = Create($$$"""{"EventSourceArn":"{{{Broker}}}","Queues":["any name"],"SourceAccessConfigurations":[{"Type":"VIRTUAL_HOST","URI":"/"}]}""");
        Assert.Equal((100, "any name"), (broker.BatchSize, broker.Queue));
        Assert.Equal(["VIRTUAL_HOST /"], broker.SourceAccess);
        Assert.Equal("arn:aws:lambda:us-east-1:123456789012:function:f:live", broker.Function.Arn);
    }

    [Theory]
    [InlineData("""{"BatchSize":0}""", "Value '0' at 'batchSize' failed to satisfy constraint: Member must have value greater than or equal to 1")]
    [InlineData("""{"BatchSize":11}""", "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")]
    [InlineData("""{"MaximumBatchingWindowInSeconds":301}""", "'maximumBatchingWindowInSeconds'")]
    [InlineData("""{"ScalingConfig":{"MaximumConcurrency":1}}""", "'scalingConfig.maximumConcurrency'")]
    [InlineData("""{"FunctionResponseTypes":["Other"]}""", "Member must satisfy enum value set: [ReportBatchItemFailures]")]
    [InlineData("""{"FilterCriteria":{"Filters":[{"Pattern":"{"}]}}""", "Invalid filter pattern definition.")]
    [InlineData("""{"FilterCriteria":{"Filters":[{}]}}""", "Invalid filter pattern definition.")]
    [InlineData("""{"StartingPosition":"LATEST"}""", "Unsupported StartingPosition parameter for given event source mapping type.")]
    [InlineData("""{"Queues":["q"]}""", "Unsupported Queues parameter for given event source mapping type.")]
    [InlineData("""{"DestinationConfig":{"OnFailure":{"Destination":"x"}}}""", NotHere)]
    [InlineData("""{"ProvisionedPollerConfig":{"MinimumPollers":1}}""", NotHere)]
    [InlineData("""{"Tags":{"a":"b"}}""", NotHere)]
    [InlineData("""{"EventSourceArn":"arn:aws:sqs:us-east-1:123456789012:q.fifo"}""", NotHere)]
    [InlineData("""{"EventSourceArn":"arn:aws:kinesis:us-east-1:123456789012:stream/s"}""", NotHere)]
    [InlineData("""{"EventSourceArn":"arn:aws:sqs:eu-west-1:123456789012:q"}""", "Unrecognized event source.")]
    [InlineData("""{"EventSourceArn":"arn:aws:sqs:us-east-1:999999999999:q"}""", "Unrecognized event source.")]
    [InlineData("""{"EventSourceArn":"q"}""", "Unrecognized event source.")]
    [InlineData("""{"EventSourceArn":"BROKER","Queues":["q"],"SourceAccessConfigurations":[{"Type":"BASIC_AUTH","URI":"amqp://other"}]}""", NotHere)]
    [InlineData("""{"EventSourceArn":"BROKER","Queues":["q"],"SourceAccessConfigurations":[{"Type":"VIRTUAL_HOST","URI":"/other"}]}""", NotHere)]
    [InlineData("""{"EventSourceArn":"BROKER","Queues":["a","b"]}""", "'queues'")]
    [InlineData("""{"EventSourceArn":"BROKER"}""", "Exactly one queue must be specified for MQ event sources.")]
    public void What_is_not_allowed_is_refused(string request, string words)
    {
        var text = request.Replace("BROKER", Broker, StringComparison.Ordinal);
        var error = Assert.Throws<AwsException>(() => Create(text.Contains("EventSourceArn", StringComparison.Ordinal) ? text : $$"""{"EventSourceArn":"{{Sqs}}",{{text[1..]}}"""));
        Assert.Equal(400, error.Status);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"StartingPosition":null,"ParallelizationFactor":null,"DestinationConfig":{"OnFailure":{}},"Tags":{},"ProvisionedPollerConfig":{}}""")]
    [InlineData("""{"BatchSize":10000,"MaximumBatchingWindowInSeconds":1,"FilterCriteria":{"Filters":[]},"ScalingConfig":{}}""")]
    public void What_asks_for_nothing_is_allowed(string request) => Create($$"""{"EventSourceArn":"{{Sqs}}",{{request[1..]}}""");

    [Fact]
    public void An_update_replaces_what_it_gives()
    {
        var row = Create($$$"""{"EventSourceArn":"{{{Sqs}}}","FilterCriteria":{"Filters":[{"Pattern":"{\"a\":[1]}"}]},"ScalingConfig":{"MaximumConcurrency":5}}""");
        var same = Merge(row, "{}");
        Assert.Equal((row.BatchSize, 5, 2L), (same.BatchSize, same.MaximumConcurrency, same.Revision));
        Assert.Single(same.Filters);
        var changed = Merge(same, """{"FilterCriteria":{},"ScalingConfig":{},"Enabled":false,"BatchSize":3}""");
        Assert.Equal((3, null, false, 3L), (changed.BatchSize, changed.MaximumConcurrency, changed.Enabled, changed.Revision));
        Assert.Empty(changed.Filters);
        Assert.Throws<AwsException>(() => Merge(row, """{"BatchSize":100}"""));
    }

    private static EventSourceRow Create(string request)
    {
        var wanted = FunctionsJson.Read(request, FunctionsJson.Api.EventSourceRequest);
        EventSourceRules.Check(wanted);
        return EventSourceRules.Create(wanted, Function, Guid.NewGuid(), DateTimeOffset.UnixEpoch);
    }

    private static EventSourceRow Merge(EventSourceRow row, string request)
    {
        var wanted = FunctionsJson.Read(request, FunctionsJson.Api.EventSourceRequest);
        EventSourceRules.Check(wanted);
        return EventSourceRules.Merge(row, wanted, null, DateTimeOffset.UnixEpoch);
    }
}
