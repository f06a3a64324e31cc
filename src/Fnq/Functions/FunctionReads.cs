using System.Text.Json;
using Fnq.AwsApi;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions;

/// <summary>GetFunction, GetFunctionConfiguration and what else reads one function.</summary>
internal sealed class FunctionReads(FunctionStore store, PackageDownloads downloads)
{
    public async ValueTask GetFunctionAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.Parse(request, labels["FunctionName"], request.Query("Qualifier"));
        var view = await FindAsync(reference, request.Aborted);
        var location = await downloads.LinkAsync(request.Http.Request, view.Version.CodeDigest, request.Aborted);
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WritePropertyName("Configuration");
            ConfigurationJson.Write(json, view, new(IsQualified: reference.Qualifier is not null));
            json.WriteStartObject("Code");
            json.WriteString("RepositoryType", "S3");
            json.WriteString("Location", location);
            json.WriteEndObject();
            if (view.Function.Tags.Count > 0)
            {
                TagOperations.WriteTags(json, view.Function.Tags);
            }

            json.WriteEndObject();
        });
    }

    public async ValueTask GetConfigurationAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.Parse(request, labels["FunctionName"], request.Query("Qualifier"));
        var view = await FindAsync(reference, request.Aborted);
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
            ConfigurationJson.Write(json, view, new(IsQualified: reference.Qualifier is not null)));
    }

    /// <summary>Nobody can attach one yet; Terraform asks for it after every create.</summary>
    public async ValueTask GetCodeSigningConfigAsync(AwsRequest request, RouteValues labels)
    {
        var view = await FindAsync(FunctionReference.Parse(request, labels["FunctionName"]), request.Aborted);
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json => WriteName(json, view.Function.Name));
    }

    /// <summary>No reserved concurrency can be set yet: as AWS answers when none is.</summary>
    public async ValueTask GetConcurrencyAsync(AwsRequest request, RouteValues labels)
    {
        var reference = FunctionReference.Parse(request, labels["FunctionName"]);
        if (reference.Qualifier is not null)
        {
            throw FunctionErrors.InvalidParameter(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.");
        }

        await FindAsync(reference, request.Aborted);
        await RestJson.WriteBytesAsync(request.Http, StatusCodes.Status200OK, "{}"u8.ToArray());
    }

    private async Task<FunctionView> FindAsync(FunctionReference reference, CancellationToken cancellationToken) =>
        reference.VersionNumber is { } number && await store.FindAsync(reference.Function, number, cancellationToken) is { } view
            ? view
            : throw FunctionErrors.FunctionNotFound(reference.Arn);

    private static void WriteName(Utf8JsonWriter json, string name)
    {
        json.WriteStartObject();
        json.WriteString("FunctionName", name);
        json.WriteEndObject();
    }
}

internal static class QueryValues
{
    /// <summary>The first value, or null when the parameter is not there.</summary>
    public static string? Query(this AwsRequest request, string name) =>
        request.Http.Request.QueryString.HasValue && request.Http.Request.Query.TryGetValue(name, out var values) ? values[0] : null;
}
