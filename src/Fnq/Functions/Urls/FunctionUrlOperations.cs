using System.Globalization;
using System.Text.Json;
using Fnq.AwsApi;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions.Urls;

/// <summary>Create, Get, Update, Delete and List of function URLs.</summary>
internal sealed class FunctionUrlOperations(FunctionStore functions, FunctionUrlStore store)
{
    /// <summary>The host names of function URLs are below this one; browsers and curl take every name below localhost for this machine.</summary>
    public const string HostSuffix = ".lambda-url.localhost";

    public async ValueTask CreateAsync(AwsRequest request, RouteValues labels)
    {
        var wanted = RestJson.Read(request, FunctionsJson.Api.FunctionUrlRequest);
        FunctionUrlRules.Check(wanted, isNew: true);
        var function = await FindFunctionAsync(request, labels);
        var url = await store.CreateAsync(function.Id, wanted, request.Aborted) ?? throw FunctionUrlRules.Exists(function.Key.Arn);
        await AnswerAsync(request, StatusCodes.Status201Created, function, url, showsMode: wanted.InvokeMode is not null, showsModified: false);
    }

    public async ValueTask GetAsync(AwsRequest request, RouteValues labels)
    {
        var function = await FindFunctionAsync(request, labels);
        var url = await store.FindAsync(function.Id, request.Aborted) ?? throw Missing();
        await AnswerAsync(request, StatusCodes.Status200OK, function, url);
    }

    public async ValueTask UpdateAsync(AwsRequest request, RouteValues labels)
    {
        var wanted = RestJson.Read(request, FunctionsJson.Api.FunctionUrlRequest);
        FunctionUrlRules.Check(wanted, isNew: false);
        var function = await FindFunctionAsync(request, labels);
        var url = await store.UpdateAsync(function.Id, wanted, request.Aborted) ?? throw Missing();
        await AnswerAsync(request, StatusCodes.Status200OK, function, url);
    }

    public async ValueTask DeleteAsync(AwsRequest request, RouteValues labels)
    {
        var function = await FindFunctionAsync(request, labels);
        if (!await store.DeleteAsync(function.Id, request.Aborted))
        {
            throw Missing();
        }

        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>At most one, until there are aliases.</summary>
    public async ValueTask ListAsync(AwsRequest request, RouteValues labels)
    {
        var function = await FindFunctionAsync(request, labels);
        var url = await store.FindAsync(function.Id, request.Aborted);
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("FunctionUrlConfigs");
            if (url is not null)
            {
                Write(json, request, function, url, showsMode: true, showsModified: true);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private async Task<FunctionRow> FindFunctionAsync(AwsRequest request, RouteValues labels)
    {
        FunctionUrlRules.CheckQualifier(request.Query("Qualifier"));
        var reference = FunctionReference.Parse(request, labels["FunctionName"], request.Query("Qualifier"));
        FunctionUrlRules.CheckQualifier(reference.Qualifier);
        return reference.Qualifier is null && await functions.FindFunctionAsync(reference.Function, request.Aborted) is { } function
            ? function
            : throw FunctionErrors.FunctionNotFound(reference.Arn);
    }

    private static AwsException Missing() => FunctionErrors.NotFound("The resource you requested does not exist.");

    private static ValueTask AnswerAsync(
        AwsRequest request, int status, FunctionRow function, FunctionUrlRow url, bool showsMode = true, bool showsModified = true) =>
        RestJson.WriteAsync(request.Http, status, json => Write(json, request, function, url, showsMode, showsModified));

    private static void Write(Utf8JsonWriter json, AwsRequest request, FunctionRow function, FunctionUrlRow url, bool showsMode, bool showsModified)
    {
        json.WriteStartObject();
        json.WriteString("FunctionUrl", AddressOf(request.Http.Request, url.Id));
        json.WriteString("FunctionArn", function.Key.Arn);
        json.WriteString("AuthType", url.AuthType);
        if (url.Cors is { } cors)
        {
            json.WritePropertyName("Cors");
            JsonSerializer.Serialize(json, cors, FunctionsJson.Api.CorsSpec);
        }

        json.WriteString("CreationTime", Text(url.CreatedAt));
        if (showsModified)
        {
            json.WriteString("LastModifiedTime", Text(url.LastModified));
        }

        if (showsMode)
        {
            json.WriteString("InvokeMode", url.InvokeMode ?? "BUFFERED");
        }

        json.WriteEndObject();
    }

    /// <summary>At the port by which the caller has reached us: whatever stands in between maps it to ours.</summary>
    private static string AddressOf(HttpRequest request, string id) =>
        $"http://{id}{HostSuffix}{(request.Host.Port is { } port and not 80 ? $":{port}" : "")}/";

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
