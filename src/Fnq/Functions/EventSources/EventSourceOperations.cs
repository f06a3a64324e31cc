using Fnq.AwsApi;
using Fnq.Dispatch;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions.EventSources;

/// <summary>Create, Get, Update, Delete and List of event source mappings.</summary>
internal sealed class EventSourceOperations(
    FunctionStore functions, EventSourceStore store, SourceQueues queues, ListMarker markers, TimeProvider time)
{
    private const int MaxItems = 10_000;
    private const int Tries = 5;

    public async ValueTask CreateAsync(AwsRequest request, RouteValues labels)
    {
        var wanted = RestJson.Read(request, FunctionsJson.Api.EventSourceRequest);
        new Constraints().NotNull("functionName", wanted.FunctionName).ThrowIfAny();
        EventSourceRules.Check(wanted);
        var function = FunctionReference.Parse(request, wanted.FunctionName!);
        var row = EventSourceRules.Create(wanted, function, Guid.NewGuid(), time.GetUtcNow());
        await RequireAsync(function, request.Aborted);
        if (!await queues.ExistsAsync(row.Queue, request.Aborted))
        {
            throw EventSourceRules.NoQueue(row.Shape);
        }

        if (await store.AddAsync(row, request.Aborted) is { } same)
        {
            throw EventSourceRules.AlreadyExists(row, same.Id);
        }

        await AnswerAsync(request, StatusCodes.Status202Accepted, row, "Creating");
    }

    public async ValueTask GetAsync(AwsRequest request, RouteValues labels) =>
        await AnswerAsync(request, StatusCodes.Status200OK, await FindAsync(request, labels), null);

    public async ValueTask UpdateAsync(AwsRequest request, RouteValues labels)
    {
        var wanted = RestJson.Read(request, FunctionsJson.Api.EventSourceRequest);
        EventSourceRules.Check(wanted);
        FunctionReference? function = wanted.FunctionName is { } name ? FunctionReference.Parse(request, name) : null;
        for (var tries = 0; tries < Tries; tries++)
        {
            var row = await FindAsync(request, labels);
            var changed = EventSourceRules.Merge(row, wanted, function, time.GetUtcNow());
            if (function is { } other)
            {
                await RequireAsync(other, request.Aborted);
            }

            if (await store.ReplaceAsync(changed, request.Aborted))
            {
                await AnswerAsync(request, StatusCodes.Status202Accepted, changed, PassingState(row, changed));
                return;
            }

            if (await store.FindSameAsync(changed, request.Aborted) is { } same)
            {
                throw EventSourceRules.AlreadyExists(changed, same.Id);
            }
        }

        throw FunctionErrors.Conflict("The operation cannot be performed at this time. The event source mapping is being changed.");
    }

    public async ValueTask DeleteAsync(AwsRequest request, RouteValues labels)
    {
        var row = await FindAsync(request, labels);
        await store.DeleteAsync(row.Id, request.Aborted);
        await AnswerAsync(request, StatusCodes.Status202Accepted, row, "Deleting");
    }

    public async ValueTask ListAsync(AwsRequest request, RouteValues labels)
    {
        var wanted = AccountReads.PageOf(request.Query("MaxItems"), MaxItems, new Constraints());
        FunctionReference? function = request.Query("FunctionName") is { Length: > 0 } name ? FunctionReference.Parse(request, name) : null;
        var source = request.Query("EventSourceArn") is { Length: > 0 } arn ? arn : null;
        var query = new EventSourceQuery(request.Caller.AccountId, request.Region, source, function);
        var scope = $"event-source-mappings/{query.AccountId}/{query.Region}/{query.SourceArn}/{query.Function?.Arn}";
        var after = request.Query("Marker") is { Length: > 0 } marker ? await markers.ReadAsync(scope, marker, request.Aborted) : null;
        var found = await store.ListAsync(query, after is null ? null : Guid.Parse(after.Name), wanted + 1, request.Aborted);
        var page = found.Take(wanted).ToList();
        var next = found.Count > wanted ? await markers.WriteAsync(scope, new($"{page[^1].Id}", Number: 0), request.Aborted) : null;
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            if (next is not null)
            {
                json.WriteString("NextMarker", next);
            }

            json.WriteStartArray("EventSourceMappings");
            page.ForEach(row => EventSourceJson.Write(json, row));
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static string PassingState(EventSourceRow before, EventSourceRow after) =>
        before.Enabled == after.Enabled ? "Updating" : after.Enabled ? "Enabling" : "Disabling";

    private async Task<EventSourceRow> FindAsync(AwsRequest request, RouteValues labels) =>
        Guid.TryParseExact(labels["UUID"], "D", out var id)
            ? await store.FindAsync(request.Caller.AccountId, request.Region, id, request.Aborted) ?? throw EventSourceRules.NotFound()
            : throw EventSourceRules.NotFound();

    private async Task RequireAsync(FunctionReference function, CancellationToken cancellationToken)
    {
        if (function.VersionNumber is not { } number || await functions.FindAsync(function.Function, number, cancellationToken) is null)
        {
            throw EventSourceRules.NoFunction();
        }
    }

    private static ValueTask AnswerAsync(AwsRequest request, int status, EventSourceRow row, string? state) =>
        RestJson.WriteAsync(request.Http, status, json => EventSourceJson.Write(json, row, state));
}
