using System.Text.RegularExpressions;
using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>Where the outcome of an asynchronous invocation goes: a function, a queue, an exchange or a URL.</summary>
public abstract partial record EventDestination
{
    public const int MaxLength = 350;
    private const string Partition = @"\Aarn:aws[a-zA-Z-]*";
    private const string Place = "(?<region>[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-[0-9]):(?<account>[0-9]{12})";

    /// <summary>An ARN of AWS's form, or, beyond AWS, an http or https URL. Null for everything else.</summary>
    public static EventDestination? Parse(string text) =>
        text.Length > MaxLength ? null
        : FunctionArn().Match(text) is { Success: true } function ? ToFunction(function.Groups)
        : QueueArn().Match(text) is { Success: true } queue ? new QueueDestination(queue.Groups["name"].Value)
        : TopicArn().Match(text) is { Success: true } topic ? new TopicDestination(topic.Groups["name"].Value)
        : Webhook().IsMatch(text) && Uri.TryCreate(text, UriKind.Absolute, out var url) ? new WebhookDestination(url)
        : null;

    private static FunctionDestination ToFunction(GroupCollection parts) => new(
        new FunctionKey(parts["account"].Value, parts["region"].Value, parts["name"].Value),
        parts["qualifier"] is { Success: true } qualifier ? qualifier.Value : null);

    [GeneratedRegex(
        Partition + ":lambda:" + Place + @":function:(?<name>[a-zA-Z0-9_-]{1,64})(?::(?<qualifier>\$LATEST|[a-zA-Z0-9_-]{1,128}))?\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex FunctionArn();

    [GeneratedRegex(Partition + ":sqs:" + Place + @":(?<name>(?=.{1,80}\z)[a-zA-Z0-9_-]+(?:\.fifo)?)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex QueueArn();

    [GeneratedRegex(Partition + ":sns:" + Place + @":(?<name>(?=.{1,256}\z)[a-zA-Z0-9_-]+(?:\.fifo)?)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex TopicArn();

    /// <summary>No user info, and nothing that one reader of URLs takes for a separator and another does not.</summary>
    [GeneratedRegex(@"\Ahttps?://[^\s\p{C}\\@/?#]+(?:[/?#][^\s\p{C}\\]*)?\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Webhook();
}

/// <param name="Function">Of any account and region: who may call it is decided where it is called.</param>
/// <param name="Qualifier">Version or alias; null when none was given.</param>
public sealed record FunctionDestination(FunctionKey Function, string? Qualifier) : EventDestination;

/// <summary>An SQS ARN names a queue of the users' virtual host.</summary>
public sealed record QueueDestination(string Queue) : EventDestination;

/// <summary>An SNS ARN names an exchange of the users' virtual host.</summary>
public sealed record TopicDestination(string Exchange) : EventDestination;

public sealed record WebhookDestination(Uri Url) : EventDestination;
