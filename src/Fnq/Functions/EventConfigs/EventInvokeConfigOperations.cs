using Fnq.AwsApi;
using Fnq.Contracts;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions.EventConfigs;

/// <summary>Put, Update, Get, Delete and List of event invoke configs.</summary>
internal sealed class EventInvokeConfigOperations(FunctionStore functions, EventInvokeConfigStore store, ListMarker markers)
{
    private const int MaxItems = 50;

    public async ValueTask PutAsync(AwsRequest request, RouteValues labels)
    {
        var (reference, number, wanted) = await ReadAsync(request, labels);
        var config = await store.PutAsync(reference.Function, number, wanted, request.Aborted) ?? throw FunctionErrors.FunctionNotFound(reference.Arn);
        await AnswerAsync(request, reference.Function, config);
    }

    public async ValueTask UpdateAsync(AwsRequest request, RouteValues labels)
    {
        var (reference, number, wanted) = await ReadAsync(request, labels);
        var config = await store.MergeAsync(reference.Function, number, wanted, request.Aborted)
            ?? throw EventInvokeConfigRules.NotConfigured(reference.Function, VersionName.Of(number));
        await AnswerAsync(request, reference.Function, config);
    }

    public async ValueTask GetAsync(AwsRequest request, RouteValues labels)
    {
        var (function, config) = await FindConfigAsync(request, labels);
        await AnswerAsync(request, function, config);
    }

    public async ValueTask DeleteAsync(AwsRequest request, RouteValues labels)
    {
        // Found first, because a delete that is retried finds nothing of what it has deleted itself.
        var (function, config) = await FindConfigAsync(request, labels);
        await store.DeleteAsync(function, config.Qualifier, request.Aborted);
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    public async ValueTask ListAsync(AwsRequest request, RouteValues labels)
    {
        var wanted = AccountReads.PageOf(request.Query("MaxItems"), MaxItems, new Constraints());
        var reference = FunctionReference.Parse(request, labels["FunctionName"]);
        await FindVersionAsync(reference, request.Aborted);
        var function = reference.Function;
        var scope = $"event-invoke-configs/{function.Arn}";
        var after = request.Query("Marker") is { Length: > 0 } marker ? await markers.ReadAsync(scope, marker, request.Aborted) : null;
        var found = await store.ListAsync(function, after?.Name, wanted + 1, request.Aborted);
        var page = found.Take(wanted).ToList();
        var next = found.Count > wanted ? await markers.WriteAsync(scope, new(page[^1].Qualifier, Number: 0), request.Aborted) : null;
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("FunctionEventInvokeConfigs");
            page.ForEach(config => EventInvokeConfigJson.Write(json, function, config));
            json.WriteEndArray();
            if (next is not null)
            {
                json.WriteString("NextMarker", next);
            }

            json.WriteEndObject();
        });
    }

    /// <summary>What Put and Update have in common: a request that may be carried out.</summary>
    private async Task<(FunctionReference Reference, int Number, EventInvokeConfigRequest Wanted)> ReadAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.Parse(request, labels["FunctionName"], request.Query("Qualifier"));
        var wanted = RestJson.Read(request, FunctionsJson.Api.EventInvokeConfigRequest);
        EventInvokeConfigRules.Check(wanted);
        var number = await FindVersionAsync(reference, request.Aborted);
        foreach (var (arn, destination) in EventInvokeConfigRules.FunctionsToFind(reference.Function, wanted))
        {
            if (!await ExistsAsync(destination, request.Aborted))
            {
                throw EventInvokeConfigRules.InvalidDestination(arn);
            }
        }

        return (reference, number, wanted);
    }

    private async Task<(FunctionKey Function, EventInvokeConfigRow Config)> FindConfigAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.Parse(request, labels["FunctionName"], request.Query("Qualifier"));
        var qualifier = VersionName.Of(await FindVersionAsync(reference, request.Aborted));
        var config = await store.FindAsync(reference.Function, qualifier, request.Aborted);
        return (reference.Function, config ?? throw EventInvokeConfigRules.NotConfigured(reference.Function, qualifier));
    }

    private async Task<int> FindVersionAsync(FunctionReference reference, CancellationToken cancellationToken) =>
        await ExistsAsync(reference, cancellationToken) ? reference.VersionNumber!.Value : throw FunctionErrors.FunctionNotFound(reference.Arn);

    private async Task<bool> ExistsAsync(FunctionReference reference, CancellationToken cancellationToken) =>
        reference.VersionNumber is { } number && await functions.FindAsync(reference.Function, number, cancellationToken) is not null;

    private static ValueTask AnswerAsync(AwsRequest request, FunctionKey function, EventInvokeConfigRow config) =>
        RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json => EventInvokeConfigJson.Write(json, function, config));
}
