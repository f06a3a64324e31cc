using System.Text.Json;
using Fnq.AwsApi;
using Fnq.Functions;
using Microsoft.AspNetCore.Http;

namespace Fnq.Schedules;

/// <summary>Rules of EventBridge, as far as they are schedules.</summary>
internal sealed class RuleOperations(ScheduleStore store, SchedulePages pages, TimeProvider time)
{
    private const string Enabled = "ENABLED";
    private const string Disabled = "DISABLED";

    public async ValueTask PutRuleAsync(AwsRequest request)
    {
        var wanted = RestJson.Read(request, SchedulesJson.Api.PutRuleRequest);
        RuleRules.Check(wanted);
        var key = RuleRules.KeyOf(request, "name", wanted.Name, wanted.EventBusName);
        while (await store.ChangeAsync(key, row => Replace(row, wanted), request.Aborted) is null)
        {
            if (await store.CountAsync(ScheduleKind.Rule, key.AccountId, request.Aborted) >= ScheduleRules.MaxRules)
            {
                throw RuleRules.TooMany("rules");
            }

            if (await store.AddAsync(RuleRules.NewRow(key, wanted, time.GetUtcNow()), request.Aborted))
            {
                break;
            }
        }

        await AwsJson.WriteAsync(request.Http, StatusCodes.Status200OK, json => json.WriteString("RuleArn", key.Arn));
    }

    public async ValueTask DescribeRuleAsync(AwsRequest request)
    {
        var (key, _) = Named(request);
        var row = await store.FindAsync(key, request.Aborted) ?? throw RuleRules.NotFound(key);
        await AwsJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            WriteRule(json, row);
            json.WriteString("CreatedBy", row.AccountId);
        });
    }

    public async ValueTask ListRulesAsync(AwsRequest request)
    {
        var asked = RestJson.Read(request, SchedulesJson.Api.RuleRequest);
        var constraints = new Constraints().Name("namePrefix", asked.NamePrefix).Range("limit", asked.Limit, 1, SchedulePages.MaxItems);
        constraints.ThrowIfAny();
        var prefix = RuleRules.KeyOf(request, null, asked.NamePrefix, asked.EventBusName);
        var (page, next) = await pages.ReadAsync(prefix, isEnabled: null, asked.NextToken, asked.Limit, request.Aborted);
        await AwsJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray("Rules");
            foreach (var row in page)
            {
                json.WriteStartObject();
                WriteRule(json, row);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            ScheduleWriting.Optional(json, "NextToken", next);
        });
    }

    public ValueTask EnableRuleAsync(AwsRequest request) => SwitchAsync(request, isEnabled: true);

    public ValueTask DisableRuleAsync(AwsRequest request) => SwitchAsync(request, isEnabled: false);

    /// <summary>One that is not there is as good as deleted, as on AWS.</summary>
    public async ValueTask DeleteRuleAsync(AwsRequest request)
    {
        var (key, _) = Named(request);
        if (await store.FindAsync(key, request.Aborted) is { Targets.Count: > 0 })
        {
            throw ScheduleRules.Invalid("Rule can't be deleted since it has targets.");
        }

        await store.DeleteAsync(key, request.Aborted);
        await AwsJson.WriteAsync(request.Http, StatusCodes.Status200OK, _ => { });
    }

    public async ValueTask PutTargetsAsync(AwsRequest request)
    {
        var wanted = RestJson.Read(request, SchedulesJson.Api.RuleTargetsRequest);
        var key = RuleRules.KeyOf(request, "rule", wanted.Rule, wanted.EventBusName);
        var targets = RuleRules.TargetsOf(key, wanted.Targets);
        _ = await store.ChangeAsync(key, Put, request.Aborted) ?? throw RuleRules.NotFound(key);
        await WriteAllDoneAsync(request);

        void Put(ScheduleRow row)
        {
            if (row.Targets.Select(target => target.TargetId).Union(targets.Select(target => target.Id)).Count() > ScheduleRules.MaxTargets)
            {
                throw RuleRules.TooMany("targets");
            }

            targets.ForEach(target => row.Put(target.ToRow()));
        }
    }

    public async ValueTask RemoveTargetsAsync(AwsRequest request)
    {
        var wanted = RestJson.Read(request, SchedulesJson.Api.RuleTargetsRequest);
        var key = RuleRules.KeyOf(request, "rule", wanted.Rule, wanted.EventBusName);
        new Constraints().NotNull("ids", wanted.Ids).Count("ids", wanted.Ids, 1, SchedulePages.MaxItems).ThrowIfAny();
        _ = await store.ChangeAsync(key, row => row.Targets.RemoveAll(target => wanted.Ids!.Contains(target.TargetId)), request.Aborted)
            ?? throw RuleRules.NotFound(key);
        await WriteAllDoneAsync(request);
    }

    public async ValueTask ListTargetsByRuleAsync(AwsRequest request)
    {
        var asked = RestJson.Read(request, SchedulesJson.Api.RuleRequest);
        new Constraints().Range("limit", asked.Limit, 1, SchedulePages.MaxItems).ThrowIfAny();
        if (asked.NextToken is not null)
        {
            // All targets fit on one page: nobody was given a token.
            throw SchedulePages.InvalidToken();
        }

        var key = RuleRules.KeyOf(request, "rule", asked.Rule, asked.EventBusName);
        var row = await store.FindAsync(key, request.Aborted) ?? throw RuleRules.NotFound(key);
        await AwsJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray("Targets");
            foreach (var target in row.Targets.OrderBy(target => target.TargetId, StringComparer.Ordinal))
            {
                json.WriteStartObject();
                json.WriteString("Id", target.TargetId);
                ScheduleWriting.Target(json, target);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private async ValueTask SwitchAsync(AwsRequest request, bool isEnabled)
    {
        var (key, _) = Named(request);
        _ = await store.ChangeAsync(key, Switch, request.Aborted) ?? throw RuleRules.NotFound(key);
        await AwsJson.WriteAsync(request.Http, StatusCodes.Status200OK, _ => { });

        void Switch(ScheduleRow row)
        {
            if (row.IsEnabled != isEnabled)
            {
                row.IsEnabled = isEnabled;
                row.Restart(time.GetUtcNow());
            }
        }
    }

    /// <summary>What is put again as it is goes on as it was: a rate is not set back.</summary>
    private void Replace(ScheduleRow row, PutRuleRequest wanted)
    {
        var isEnabled = wanted.State != Disabled;
        row.Description = wanted.Description;
        if (row.Expression != wanted.ScheduleExpression || row.IsEnabled != isEnabled)
        {
            (row.Expression, row.IsEnabled) = (wanted.ScheduleExpression!, isEnabled);
            row.Restart(time.GetUtcNow());
        }
    }

    private static (ScheduleKey Key, RuleRequest Asked) Named(AwsRequest request)
    {
        var asked = RestJson.Read(request, SchedulesJson.Api.RuleRequest);
        return (RuleRules.KeyOf(request, "name", asked.Name, asked.EventBusName), asked);
    }

    private static void WriteRule(Utf8JsonWriter json, ScheduleRow row)
    {
        json.WriteString("Name", row.Name);
        json.WriteString("Arn", row.Key.Arn);
        json.WriteString("ScheduleExpression", row.Expression);
        json.WriteString("State", row.IsEnabled ? Enabled : Disabled);
        ScheduleWriting.Optional(json, "Description", row.Description);
        json.WriteString("EventBusName", RuleRules.DefaultBus);
    }

    private static ValueTask WriteAllDoneAsync(AwsRequest request) => AwsJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
    {
        json.WriteNumber("FailedEntryCount", 0);
        json.WriteStartArray("FailedEntries");
        json.WriteEndArray();
    });
}
