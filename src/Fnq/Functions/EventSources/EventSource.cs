using System.Text.RegularExpressions;
using Fnq.Dispatch;

namespace Fnq.Functions.EventSources;

/// <summary>What an ARN of an event source names.</summary>
/// <param name="Queue">Null when the ARN is a broker's: the request names the queue.</param>
internal sealed partial record EventSource(QueueEventShape Shape, string Region, string AccountId, string? Queue)
{
    private const string Partition = @"\Aarn:aws[a-zA-Z-]*";
    private const string Place = "(?<region>[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-[0-9]):(?<account>[0-9]{12})";

    /// <summary>Sources that AWS has and Fnq has not.</summary>
    private static readonly string[] Streams = ["kinesis", "dynamodb", "kafka", "rds"];

    /// <exception cref="AwsApi.AwsException">It names no queue and no broker.</exception>
    public static EventSource Parse(string arn)
    {
        if (QueueArn().Match(arn) is { Success: true } queue)
        {
            return new(QueueEventShape.Sqs, queue.Groups["region"].Value, queue.Groups["account"].Value, queue.Groups["name"].Value);
        }

        if (BrokerArn().Match(arn) is { Success: true } broker)
        {
            return new(QueueEventShape.RabbitMq, broker.Groups["region"].Value, broker.Groups["account"].Value, null);
        }

        throw arn.Split(':') is [_, _, var service, ..] && Streams.Contains(service)
            ? FunctionErrors.NotInFnq("Event sources other than queues are")
            : FunctionErrors.InvalidParameter("Unrecognized event source.");
    }

    [GeneratedRegex(Partition + ":sqs:" + Place + @":(?<name>(?=.{1,80}\z)[a-zA-Z0-9_-]+(?:\.fifo)?)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex QueueArn();

    [GeneratedRegex(Partition + ":mq:" + Place + @":broker:[a-zA-Z0-9_-]{1,64}:[a-zA-Z0-9-]{1,64}\z", RegexOptions.ExplicitCapture)]
    private static partial Regex BrokerArn();
}
