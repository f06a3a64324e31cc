using System.Text.Json;
using Fnq.AwsApi;
using Fnq.Functions;

namespace Fnq.Schedules;

/// <summary>Listings, page by page.</summary>
internal sealed class SchedulePages(ScheduleStore store, ListMarker markers)
{
    public const int MaxItems = 100;

    /// <param name="prefix">Its name is what names begin with.</param>
    /// <param name="isEnabled">Null is both.</param>
    /// <param name="token">Of the page before.</param>
    /// <param name="limit">Checked.</param>
    /// <param name="cancellationToken">Of the caller.</param>
    public async Task<(List<ScheduleRow> Page, string? Next)> ReadAsync(
        ScheduleKey prefix, bool? isEnabled, string? token, int? limit, CancellationToken cancellationToken)
    {
        var wanted = limit ?? MaxItems;
        var scope = $"{prefix.Arn}/{isEnabled}";
        var after = token is null ? null : await PositionAsync(scope, token, cancellationToken);
        var found = await store.ListAsync(prefix, after, isEnabled, wanted + 1, cancellationToken);
        var page = found.Take(wanted).ToList();
        var next = found.Count > wanted ? await markers.WriteAsync(scope, new(page[^1].Name, Number: 0), cancellationToken) : null;
        return (page, next);
    }

    public static AwsException InvalidToken() => ScheduleRules.Invalid("The NextToken is not valid.");

    private async Task<string> PositionAsync(string scope, string token, CancellationToken cancellationToken)
    {
        try
        {
            return (await markers.ReadAsync(scope, token, cancellationToken)).Name;
        }
        catch (AwsException)
        {
            throw InvalidToken();
        }
    }
}

/// <summary>What both services write alike.</summary>
internal static class ScheduleWriting
{
    public static void Optional(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    /// <summary>Members of a target, without its id.</summary>
    public static void Target(Utf8JsonWriter json, ScheduleTargetRow target)
    {
        json.WriteString("Arn", target.FunctionArn);
        Optional(json, "RoleArn", target.RoleArn);
        Optional(json, "Input", target.Input);
        if (target.MaximumRetryAttempts is not null || target.MaximumEventAgeSeconds is not null)
        {
            json.WriteStartObject("RetryPolicy");
            Optional(json, "MaximumRetryAttempts", target.MaximumRetryAttempts);
            Optional(json, "MaximumEventAgeInSeconds", target.MaximumEventAgeSeconds);
            json.WriteEndObject();
        }

        if (target.DeadLetterArn is { } queue)
        {
            json.WriteStartObject("DeadLetterConfig");
            json.WriteString("Arn", queue);
            json.WriteEndObject();
        }
    }

    private static void Optional(Utf8JsonWriter json, string name, int? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
    }
}
