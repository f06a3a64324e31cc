using Fnq.AwsApi;
using Fnq.Functions;
using Microsoft.AspNetCore.Http;

namespace Fnq.Schedules;

/// <summary>The rules of rules. Pure.</summary>
internal static class RuleRules
{
    public const string DefaultBus = "default";
    private const int MaxTargetInput = 8_192;
    private const int MaxTargetList = 100;

    /// <param name="request">Whose.</param>
    /// <param name="member">Which member has the name; null when there need be none.</param>
    /// <param name="name">Of the rule.</param>
    /// <param name="bus">Name or ARN; only the default one exists.</param>
    public static ScheduleKey KeyOf(AwsRequest request, string? member, string? name, string? bus)
    {
        if (member is not null)
        {
            new Constraints().NotNull(member, name).Name(member, name).ThrowIfAny();
        }

        var account = request.Caller.AccountId;
        return bus is null or DefaultBus || bus == $"arn:aws:events:{request.Region}:{account}:event-bus/{DefaultBus}"
            ? new(ScheduleKind.Rule, account, request.Region, name ?? "")
            : throw Refused("ResourceNotFoundException", $"Event bus {bus} does not exist.");
    }

    public static void Check(PutRuleRequest wanted)
    {
        new Constraints()
            .Length("scheduleExpression", wanted.ScheduleExpression, 0, ScheduleExpression.MaxLength)
            .OneOf("state", wanted.State, "DISABLED", "ENABLED")
            .Description(wanted.Description)
            .ThrowIfAny();
        if (!string.IsNullOrEmpty(wanted.EventPattern))
        {
            throw ScheduleRules.Invalid("Parameter EventPattern is not available in this version of Fnq: a rule needs a ScheduleExpression.");
        }

        if (string.IsNullOrEmpty(wanted.ScheduleExpression))
        {
            throw ScheduleRules.Invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.");
        }

        if (wanted.RoleArn is not null || wanted.Tags is not null)
        {
            throw ScheduleRules.Invalid("Parameters RoleArn and Tags of a rule are not available in this version of Fnq.");
        }

        // EventBridge's rules know no at(): that is Scheduler's.
        if (ScheduleExpression.Parse(wanted.ScheduleExpression) is null or At)
        {
            throw ScheduleRules.Invalid("Parameter ScheduleExpression is not valid.");
        }
    }

    public static ScheduleRow NewRow(ScheduleKey key, PutRuleRequest wanted, DateTimeOffset now)
    {
        var row = ScheduleRow.Of(key, now);
        (row.Expression, row.Timezone) = (wanted.ScheduleExpression!, "UTC");
        (row.Description, row.IsEnabled) = (wanted.Description, wanted.State != "DISABLED");
        row.Restart(now);
        return row;
    }

    /// <summary>Targets that may be put.</summary>
    public static List<TargetShape> TargetsOf(ScheduleKey key, IReadOnlyList<TargetShape?>? wanted)
    {
        new Constraints().NotNull("targets", wanted).Count("targets", wanted, 1, MaxTargetList).ThrowIfAny();
        List<TargetShape> targets = [.. wanted!.Select(target => target ?? throw ScheduleRules.Invalid("A target must not be null."))];
        foreach (var target in targets)
        {
            new Constraints()
                .NotNull("targets.member.id", target.Id).Name("targets.member.id", target.Id)
                .NotNull("targets.member.arn", target.Arn).Length("targets.member.arn", target.Arn, 1, ScheduleRules.MaxArn)
                .Length("targets.member.input", target.Input, 0, MaxTargetInput)
                .Role("targets.member.roleArn", target.RoleArn)
                .Retries("targets.member", target.RetryPolicy, target.DeadLetterConfig?.Arn)
                .ThrowIfAny();
            Check(key, target);
        }

        return targets.DistinctBy(target => target.Id).Count() == targets.Count
            ? targets
            : throw ScheduleRules.Invalid("Duplicate target ids are not allowed.");
    }

    public static AwsException NotFound(ScheduleKey key) => Refused("ResourceNotFoundException", $"Rule {key.Name} does not exist on EventBus {DefaultBus}.");

    public static AwsException TooMany(string what) => Refused("LimitExceededException", $"The requested resource exceeds the maximum number allowed: {what}.");

    private static void Check(ScheduleKey key, TargetShape target)
    {
        if (target.InputPath is not null || target.InputTransformer is not null)
        {
            throw ScheduleRules.Invalid("InputPath and InputTransformer of a target are not available in this version of Fnq.");
        }

        ScheduleRules.RefuseForeign(target.Rest);
        if (ScheduleRules.FunctionOf(target.Arn!, key.AccountId, key.Region) is null)
        {
            throw ScheduleRules.Invalid($"Provided Arn is not in correct format, or names no Lambda function of this account and region: {target.Arn}");
        }

        if (!string.IsNullOrEmpty(target.Input) && ScheduleRules.FaultOf(target.Input) is { } fault)
        {
            throw ScheduleRules.Invalid($"Parameter Input is not valid. Reason: {fault}");
        }
    }

    private static AwsException Refused(string type, string message) => new(StatusCodes.Status400BadRequest, type, message, MessageMember.Lower);
}
