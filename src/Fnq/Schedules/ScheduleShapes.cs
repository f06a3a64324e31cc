using System.Text.Json;
using System.Text.Json.Serialization;
using Fnq.AwsApi;

namespace Fnq.Schedules;

internal sealed record RetryPolicyShape(int? MaximumRetryAttempts, int? MaximumEventAgeInSeconds);

internal sealed record DeadLetterShape(string? Arn);

/// <summary>A target of a rule or of a schedule; null is "not given".</summary>
internal sealed record TargetShape
{
    public string? Id { get; init; }
    public string? Arn { get; init; }
    public string? RoleArn { get; init; }
    public string? Input { get; init; }
    public JsonElement? InputPath { get; init; }
    public JsonElement? InputTransformer { get; init; }
    public RetryPolicyShape? RetryPolicy { get; init; }
    public DeadLetterShape? DeadLetterConfig { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }

    public ScheduleTargetRow ToRow() => new()
    {
        TargetId = Id ?? "",
        FunctionArn = Arn!,
        RoleArn = RoleArn,
        Input = string.IsNullOrEmpty(Input) ? null : Input,
        MaximumRetryAttempts = RetryPolicy?.MaximumRetryAttempts,
        MaximumEventAgeSeconds = RetryPolicy?.MaximumEventAgeInSeconds,
        DeadLetterArn = DeadLetterConfig?.Arn,
    };
}

internal sealed record PutRuleRequest
{
    public string? Name { get; init; }
    public string? ScheduleExpression { get; init; }
    public string? EventPattern { get; init; }
    public string? State { get; init; }
    public string? Description { get; init; }
    public string? RoleArn { get; init; }
    public JsonElement? Tags { get; init; }
    public string? EventBusName { get; init; }
}

/// <summary>What names a rule or lists rules and targets.</summary>
internal sealed record RuleRequest
{
    public string? Name { get; init; }
    public string? Rule { get; init; }
    public string? NamePrefix { get; init; }
    public string? EventBusName { get; init; }
    public string? NextToken { get; init; }
    public int? Limit { get; init; }
}

internal sealed record RuleTargetsRequest
{
    public string? Rule { get; init; }
    public string? EventBusName { get; init; }
    public IReadOnlyList<TargetShape?>? Targets { get; init; }
    public IReadOnlyList<string>? Ids { get; init; }
}

internal sealed record FlexibleTimeWindowShape(string? Mode, int? MaximumWindowInMinutes);

/// <summary>The body of CreateSchedule and UpdateSchedule.</summary>
internal sealed record ScheduleRequest
{
    public string? ActionAfterCompletion { get; init; }
    public string? ClientToken { get; init; }
    public string? Description { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public decimal? StartDate { get; init; }
    public decimal? EndDate { get; init; }
    public FlexibleTimeWindowShape? FlexibleTimeWindow { get; init; }
    public string? GroupName { get; init; }
    public string? KmsKeyArn { get; init; }
    public string? ScheduleExpression { get; init; }
    public string? ScheduleExpressionTimezone { get; init; }
    public string? State { get; init; }
    public TargetShape? Target { get; init; }
}

[JsonSerializable(typeof(PutRuleRequest))]
[JsonSerializable(typeof(RuleRequest))]
[JsonSerializable(typeof(RuleTargetsRequest))]
[JsonSerializable(typeof(ScheduleRequest))]
internal sealed partial class SchedulesJson : JsonSerializerContext
{
    public static SchedulesJson Api { get; } = new(RestJson.Options());
}
