using Fnq.AwsApi;
using Fnq.Functions;
using Microsoft.AspNetCore.Http;

namespace Fnq.Schedules;

/// <summary>The rules of EventBridge Scheduler. Pure.</summary>
internal static class SchedulerRules
{
    public const string DefaultGroup = "default";
    public const string Enabled = "ENABLED";
    public const string Disabled = "DISABLED";
    public const string Flexible = "FLEXIBLE";
    public const string Off = "OFF";
    private const string Delete = "DELETE";
    private const int MaxWindowMinutes = 1_440;

    /// <summary>1970 to 2199, as with expressions.</summary>
    private static readonly decimal MaxSeconds = new DateTimeOffset(2199, 12, 31, 23, 59, 59, TimeSpan.Zero).ToUnixTimeSeconds();

    /// <param name="request">Whose.</param>
    /// <param name="name">Of the schedule, or what names begin with; null is nothing.</param>
    /// <param name="group">Only the default one exists.</param>
    public static ScheduleKey KeyOf(AwsRequest request, string? name, string? group)
    {
        new Constraints().Name("name", name).Name("groupName", group).ThrowIfAny();
        return group is null or DefaultGroup
            ? new(ScheduleKind.Schedule, request.Caller.AccountId, request.Region, name ?? "")
            : throw ScheduleRules.NotFound($"Schedule group {group} does not exist.");
    }

    /// <summary>Throws for all that cannot be carried out.</summary>
    public static void Check(ScheduleKey key, ScheduleRequest wanted)
    {
        new Constraints()
            .NotNull("scheduleExpression", wanted.ScheduleExpression)
            .Length("scheduleExpression", wanted.ScheduleExpression, 1, ScheduleExpression.MaxLength)
            .Length("scheduleExpressionTimezone", wanted.ScheduleExpressionTimezone, 1, LocalTime.MaxZoneName)
            .Length("clientToken", wanted.ClientToken, 1, 64)
            .Name("clientToken", wanted.ClientToken)
            .Description(wanted.Description)
            .OneOf("state", wanted.State, Enabled, Disabled)
            .OneOf("actionAfterCompletion", wanted.ActionAfterCompletion, "NONE", Delete)
            .NotNull("flexibleTimeWindow", wanted.FlexibleTimeWindow)
            .NotNull("target", wanted.Target)
            .ThrowIfAny();
        CheckWindow(wanted.FlexibleTimeWindow!);
        CheckTarget(key, wanted.Target!);
        if (wanted.KmsKeyArn is not null)
        {
            throw ScheduleRules.Invalid("KmsKeyArn is not available in this version of Fnq.");
        }

        if (ScheduleExpression.Parse(wanted.ScheduleExpression!) is null)
        {
            throw ScheduleRules.Invalid($"Invalid Schedule Expression {wanted.ScheduleExpression}.");
        }

        if (LocalTime.FindZone(ZoneOf(wanted)) is null)
        {
            throw ScheduleRules.Invalid($"Invalid Schedule Expression Timezone {wanted.ScheduleExpressionTimezone}.");
        }

        if (DateOf("StartDate", wanted.StartDate) > DateOf("EndDate", wanted.EndDate))
        {
            throw ScheduleRules.Invalid("The StartDate must come before the EndDate.");
        }
    }

    /// <summary>What was checked, as a row; times are only taken over by <see cref="Take"/>.</summary>
    public static ScheduleRow NewRow(ScheduleKey key, ScheduleRequest wanted, DateTimeOffset now)
    {
        var row = ScheduleRow.Of(key, now, wanted.ClientToken);
        Take(row, wanted, now);
        return row;
    }

    /// <summary>Replaces everything. A schedule whose times stay the same goes on as it was: a rate is not set back.</summary>
    public static void Take(ScheduleRow row, ScheduleRequest wanted, DateTimeOffset now)
    {
        var before = TimesOf(row);
        row.Expression = wanted.ScheduleExpression!;
        row.Timezone = ZoneOf(wanted);
        row.StartAt = DateOf("StartDate", wanted.StartDate);
        row.EndAt = DateOf("EndDate", wanted.EndDate);
        row.WindowMinutes = wanted.FlexibleTimeWindow!.Mode == Flexible ? wanted.FlexibleTimeWindow.MaximumWindowInMinutes!.Value : 0;
        row.IsEnabled = wanted.State != Disabled;
        row.Description = wanted.Description;
        row.DeletesItself = wanted.ActionAfterCompletion == Delete;
        row.Put(wanted.Target!.ToRow());
        row.ModifiedAt = now;
        if (TimesOf(row) != before)
        {
            row.Restart(now);
        }
    }

    public static AwsException NotFound(ScheduleKey key) => ScheduleRules.NotFound($"Schedule {key.Name} does not exist.");

    public static AwsException Exists(ScheduleKey key) =>
        new(StatusCodes.Status409Conflict, "ConflictException", $"Schedule {key.Name} already exists.", MessageMember.CapitalWithoutType);

    public static AwsException TooMany() => new(
        StatusCodes.Status402PaymentRequired, "ServiceQuotaExceededException",
        $"An account can have {ScheduleRules.MaxSchedules} schedules.", MessageMember.CapitalWithoutType);

    private static string ZoneOf(ScheduleRequest wanted) => wanted.ScheduleExpressionTimezone ?? "UTC";

    private static (string, string, DateTimeOffset?, DateTimeOffset?, int, bool, bool) TimesOf(ScheduleRow row) =>
        (row.Expression, row.Timezone, row.StartAt, row.EndAt, row.WindowMinutes, row.IsEnabled, row.DeletesItself);

    private static void CheckWindow(FlexibleTimeWindowShape window)
    {
        new Constraints()
            .NotNull("flexibleTimeWindow.mode", window.Mode)
            .OneOf("flexibleTimeWindow.mode", window.Mode, Off, Flexible)
            .Range("flexibleTimeWindow.maximumWindowInMinutes", window.MaximumWindowInMinutes, 1, MaxWindowMinutes)
            .ThrowIfAny();
        if (window.Mode == Flexible != window.MaximumWindowInMinutes is not null)
        {
            throw ScheduleRules.Invalid("MaximumWindowInMinutes must be set when the FlexibleTimeWindow is FLEXIBLE, and only then.");
        }
    }

    private static void CheckTarget(ScheduleKey key, TargetShape target)
    {
        new Constraints()
            .NotNull("target.arn", target.Arn).Length("target.arn", target.Arn, 1, ScheduleRules.MaxArn)
            .NotNull("target.roleArn", target.RoleArn).Role("target.roleArn", target.RoleArn)
            .Length("target.input", target.Input, 1, ScheduleRules.MaxInputBytes)
            .Retries("target", target.RetryPolicy, target.DeadLetterConfig?.Arn)
            .ThrowIfAny();
        ScheduleRules.RefuseForeign(target.Rest);
        if (ScheduleRules.FunctionOf(target.Arn!, key.AccountId, key.Region) is null)
        {
            throw ScheduleRules.Invalid($"Provided Arn is not in correct format, or names no Lambda function of this account and region: {target.Arn}");
        }

        if (target.Input is { } input && ScheduleRules.FaultOf(input) is { } fault)
        {
            throw ScheduleRules.Invalid($"Invalid Input for target. Reason: {fault}");
        }
    }

    private static DateTimeOffset? DateOf(string member, decimal? seconds) => seconds switch
    {
        null => null,
        >= 0 and { } given when given <= MaxSeconds => DateTimeOffset.FromUnixTimeSeconds((long)given),
        _ => throw ScheduleRules.Invalid($"The {member} is not valid."),
    };
}
