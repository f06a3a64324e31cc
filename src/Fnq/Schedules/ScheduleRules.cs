using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Fnq.AwsApi;
using Fnq.Dispatch;
using Fnq.Functions;
using Microsoft.AspNetCore.Http;

namespace Fnq.Schedules;

/// <summary>What holds for rules and schedules alike. Pure.</summary>
internal static partial class ScheduleRules
{
    /// <summary>Of rules and of schedules of an account, in all its regions.</summary>
    public const int MaxRules = 300;
    public const int MaxSchedules = 10_000;
    public const int MaxTargets = 5;
    public const int MaxInputBytes = 256 * 1024;
    public const int MaxArn = 1_600;
    private const int MaxDescription = 512;
    private const int MaxName = 64;
    private const int MaxInputDepth = 64;

    public static Constraints Name(this Constraints constraints, string path, string? name) =>
        constraints.Length(path, name, 1, MaxName).Pattern(path, name, NameForm(), @"[\.\-_A-Za-z0-9]+");

    public static Constraints Description(this Constraints constraints, string? description) => constraints
        .Length("description", description, 0, MaxDescription)
        .Pattern("description", description, WithoutNul(), @"[^\x00]*");

    public static Constraints Retries(this Constraints constraints, string path, RetryPolicyShape? policy, string? deadLetterArn) => constraints
        .Range($"{path}.retryPolicy.maximumRetryAttempts", policy?.MaximumRetryAttempts, 0, 185)
        .Range($"{path}.retryPolicy.maximumEventAgeInSeconds", policy?.MaximumEventAgeInSeconds, 60, 86_400)
        .Length($"{path}.deadLetterConfig.arn", deadLetterArn, 1, MaxArn)
        .Pattern($"{path}.deadLetterConfig.arn", deadLetterArn, QueueArn(), @"arn:aws[a-z-]*:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+");

    public static Constraints Role(this Constraints constraints, string path, string? arn) => constraints
        .Length(path, arn, 1, MaxArn)
        .Pattern(path, arn, RoleArn(), @"arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@\/-]+");

    /// <summary>Only a function of the same account and region can be a target.</summary>
    public static FunctionDestination? FunctionOf(string arn, string account, string region) =>
        EventDestination.Parse(arn) is FunctionDestination { Function: var function } target && function.AccountId == account && function.Region == region
            ? target
            : null;

    /// <summary>Why an input can be no event; null when it can be one.</summary>
    public static string? FaultOf(string input)
    {
        var bytes = Encoding.UTF8.GetBytes(input);
        if (bytes.Length > MaxInputBytes)
        {
            return $"it must be no longer than {MaxInputBytes} bytes.";
        }

        try
        {
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = MaxInputDepth });
            return null;
        }
        catch (JsonException)
        {
            return "JSON syntax error.";
        }
    }

    public static AwsException Invalid(string message) => FunctionErrors.Validation(message);

    /// <summary>AWS's answer to parameters of a target that is no function.</summary>
    public static void RefuseForeign(Dictionary<string, JsonElement>? rest)
    {
        if (rest?.Keys.FirstOrDefault(name => name.EndsWith("Parameters", StringComparison.Ordinal)) is { } foreign)
        {
            throw Invalid($"Parameter(s) {foreign} not valid for target.");
        }
    }

    public static AwsException NotFound(string message) => new(StatusCodes.Status404NotFound, "ResourceNotFoundException", message, MessageMember.CapitalWithoutType);

    [GeneratedRegex(@"\A[.\-_A-Za-z0-9]+\z")]
    private static partial Regex NameForm();

    [GeneratedRegex(@"\A[^\0]*\z")]
    private static partial Regex WithoutNul();

    [GeneratedRegex(@"\Aarn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]+(?:\.fifo)?\z")]
    private static partial Regex QueueArn();

    [GeneratedRegex(@"\Aarn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+\z")]
    private static partial Regex RoleArn();
}
