using System.Text.Json;
using System.Text.RegularExpressions;
using Fnq.AwsApi;
using Fnq.Contracts;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions;

/// <summary>TagResource, UntagResource and ListTags on functions.</summary>
internal sealed partial class TagOperations(FunctionStore store, CommittedChanges committed)
{
    private const string ResourcePattern =
        @"arn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)";

    public async ValueTask TagAsync(AwsRequest request, RouteValues labels)
    {
        var key = FunctionOf(request, labels["Resource"]);
        var wanted = RestJson.Read(request, FunctionsJson.Api.TagRequest);
        new Constraints().NotNull("tags", wanted.Tags).Tags(wanted.Tags).ThrowIfAny();
        await ChangeAsync(
            key,
            tags =>
            {
                foreach (var (name, value) in wanted.Tags!)
                {
                    tags[name] = value;
                }

                if (TagRules.Check(tags) is { } error)
                {
                    throw error;
                }
            },
            request.Aborted);
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    public async ValueTask UntagAsync(AwsRequest request, RouteValues labels)
    {
        var key = FunctionOf(request, labels["Resource"]);
        var names = request.Http.Request.Query.TryGetValue("tagKeys", out var given) ? given.ToArray() : null;
        new Constraints().NotNull("tagKeys", names).ThrowIfAny();
        await ChangeAsync(key, tags => Array.ForEach(names!, name => tags.Remove(name ?? "")), request.Aborted);
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>Most tags change nothing that runs; those of egress are announced like an update of the configuration.</summary>
    private async Task ChangeAsync(FunctionKey key, Action<Dictionary<string, string>> change, CancellationToken cancellationToken)
    {
        if (await store.ChangeTagsAsync(key, change, cancellationToken) is { } made)
        {
            await committed.AnnounceAsync(key, made.RevisionId, made.Deployment);
        }
    }

    public async ValueTask ListAsync(AwsRequest request, RouteValues labels)
    {
        var key = FunctionOf(request, labels["Resource"]);
        var function = await store.FindFunctionAsync(key, request.Aborted) ?? throw FunctionErrors.FunctionNotFound(key.Arn);
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            WriteTags(json, function.Tags);
            json.WriteEndObject();
        });
    }

    public static void WriteTags(Utf8JsonWriter json, Dictionary<string, string> tags)
    {
        json.WriteStartObject("Tags");
        foreach (var (name, value) in tags)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
    }

    private static FunctionKey FunctionOf(AwsRequest request, string resource)
    {
        new Constraints().Length("resource", resource, 1, 256).Pattern("resource", resource, Resource(), ResourcePattern).ThrowIfAny();
        if (!resource.Contains(":function:", StringComparison.Ordinal))
        {
            throw FunctionErrors.NotFound("The resource you requested does not exist.");
        }

        var reference = FunctionReference.Parse(request, resource);
        return reference.Qualifier is null
            ? reference.Function
            : throw FunctionErrors.InvalidParameter("Tags on function aliases and versions are not supported. Please specify a function ARN.");
    }

    [GeneratedRegex(@"\Aarn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-[0-9]:[0-9]{12}:(function:[a-zA-Z0-9_-]+(:(\$LATEST|[a-zA-Z0-9_-]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F-]{36}|capacity-provider:[a-zA-Z0-9_-]+)\z")]
    private static partial Regex Resource();
}
