using System.Globalization;
using System.Text.Json;
using Fnq.AwsApi;
using Fnq.Functions;
using Microsoft.AspNetCore.Http;

namespace Fnq.Schedules;

/// <summary>Schedules of EventBridge Scheduler.</summary>
internal sealed class SchedulerOperations(ScheduleStore store, SchedulePages pages, TimeProvider time)
{
    private const decimal SecondsPerMillisecond = 0.001m;

    public async ValueTask CreateAsync(AwsRequest request, RouteValues labels)
    {
        var (key, wanted) = Read(request, labels);
        if (await store.CountAsync(ScheduleKind.Schedule, key.AccountId, request.Aborted) >= ScheduleRules.MaxSchedules)
        {
            throw SchedulerRules.TooMany();
        }

        if (!await store.AddAsync(SchedulerRules.NewRow(key, wanted, time.GetUtcNow()), request.Aborted)
            && (wanted.ClientToken is null || (await store.FindAsync(key, request.Aborted))?.ClientToken != wanted.ClientToken))
        {
            throw SchedulerRules.Exists(key);
        }

        await AnswerAsync(request, key);
    }

    public async ValueTask UpdateAsync(AwsRequest request, RouteValues labels)
    {
        var (key, wanted) = Read(request, labels);
        _ = await store.ChangeAsync(key, row => SchedulerRules.Take(row, wanted, time.GetUtcNow()), request.Aborted) ?? throw SchedulerRules.NotFound(key);
        await AnswerAsync(request, key);
    }

    public async ValueTask GetAsync(AwsRequest request, RouteValues labels)
    {
        var key = SchedulerRules.KeyOf(request, labels["Name"], request.Query("groupName"));
        var row = await store.FindAsync(key, request.Aborted) ?? throw SchedulerRules.NotFound(key);
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json => Write(json, row));
    }

    public async ValueTask DeleteAsync(AwsRequest request, RouteValues labels)
    {
        var key = SchedulerRules.KeyOf(request, labels["Name"], request.Query("groupName"));
        if (!await store.DeleteAsync(key, request.Aborted))
        {
            throw SchedulerRules.NotFound(key);
        }

        await RestJson.WriteBytesAsync(request.Http, StatusCodes.Status200OK, "{}"u8.ToArray());
    }

    public async ValueTask ListAsync(AwsRequest request, RouteValues labels)
    {
        var (prefix, state) = (request.Query("NamePrefix"), request.Query("State"));
        new Constraints().OneOf("state", state, SchedulerRules.Enabled, SchedulerRules.Disabled).ThrowIfAny();
        var key = SchedulerRules.KeyOf(request, prefix, request.Query("ScheduleGroup"));
        bool? isEnabled = state is null ? null : state == SchedulerRules.Enabled;
        var (page, next) = await pages.ReadAsync(
            key, isEnabled, request.Query("NextToken"), LimitOf(request.Query("MaxResults")), request.Aborted);
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("Schedules");
            foreach (var row in page)
            {
                json.WriteStartObject();
                WriteSummary(json, row);
                json.WriteStartObject("Target");
                json.WriteString("Arn", row.Targets.Single().FunctionArn);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            ScheduleWriting.Optional(json, "NextToken", next);
            json.WriteEndObject();
        });
    }

    private static (ScheduleKey Key, ScheduleRequest Wanted) Read(AwsRequest request, RouteValues labels)
    {
        var wanted = RestJson.Read(request, SchedulesJson.Api.ScheduleRequest);
        var key = SchedulerRules.KeyOf(request, labels["Name"], wanted.GroupName);
        SchedulerRules.Check(key, wanted);
        return (key, wanted);
    }

    private static int? LimitOf(string? text)
    {
        if (text is null)
        {
            return null;
        }

        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var limit))
        {
            throw ScheduleRules.Invalid("1 validation error detected: " + Constraints.Sentence("maxResults", text, "Member must be an integer"));
        }

        new Constraints().Range("maxResults", limit, 1, SchedulePages.MaxItems).ThrowIfAny();
        return limit;
    }

    private static ValueTask AnswerAsync(AwsRequest request, ScheduleKey key) => RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
    {
        json.WriteStartObject();
        json.WriteString("ScheduleArn", key.Arn);
        json.WriteEndObject();
    });

    private static void Write(Utf8JsonWriter json, ScheduleRow row)
    {
        json.WriteStartObject();
        WriteSummary(json, row);
        json.WriteString("ActionAfterCompletion", row.DeletesItself ? "DELETE" : "NONE");
        ScheduleWriting.Optional(json, "Description", row.Description);
        json.WriteString("ScheduleExpression", row.Expression);
        json.WriteString("ScheduleExpressionTimezone", row.Timezone);
        WriteDate(json, "StartDate", row.StartAt);
        WriteDate(json, "EndDate", row.EndAt);
        json.WriteStartObject("FlexibleTimeWindow");
        json.WriteString("Mode", row.WindowMinutes > 0 ? SchedulerRules.Flexible : SchedulerRules.Off);
        if (row.WindowMinutes > 0)
        {
            json.WriteNumber("MaximumWindowInMinutes", row.WindowMinutes);
        }

        json.WriteEndObject();
        json.WriteStartObject("Target");
        ScheduleWriting.Target(json, row.Targets.Single());
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteSummary(Utf8JsonWriter json, ScheduleRow row)
    {
        json.WriteString("Arn", row.Key.Arn);
        json.WriteString("GroupName", SchedulerRules.DefaultGroup);
        json.WriteString("Name", row.Name);
        json.WriteString("State", row.IsEnabled ? SchedulerRules.Enabled : SchedulerRules.Disabled);
        WriteDate(json, "CreationDate", row.CreatedAt);
        WriteDate(json, "LastModificationDate", row.ModifiedAt);
    }

    private static void WriteDate(Utf8JsonWriter json, string name, DateTimeOffset? date)
    {
        if (date is { } given)
        {
            json.WriteNumber(name, given.ToUnixTimeMilliseconds() * SecondsPerMillisecond);
        }
    }
}
