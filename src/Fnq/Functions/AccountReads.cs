using System.Globalization;
using Fnq.AwsApi;
using Fnq.Functions.Packages;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions;

/// <summary>ListFunctions and GetAccountSettings: what an account has in a region.</summary>
internal sealed class AccountReads(FunctionStore store, ListMarker markers)
{
    private const int PageSize = 50;
    private const int MaxItems = 10_000;
    private const long TotalCodeBytes = 80_530_636_800;
    private const int ConcurrentExecutions = 1_000;

    public async ValueTask ListFunctionsAsync(AwsRequest request, RouteValues labels)
    {
        var wanted = PageOf(request.Query("MaxItems"), request.Query("FunctionVersion"));
        var allVersions = request.Query("FunctionVersion") is not null;
        string account = request.Caller.AccountId, scope = $"{account}/{request.Region}/{allVersions}";
        var after = request.Query("Marker") is { Length: > 0 } marker ? await markers.ReadAsync(scope, marker, request.Aborted) : null;
        var found = await store.ListAsync(account, request.Region, allVersions, after, wanted + 1, request.Aborted);
        var page = found.Take(wanted).ToList();
        var next = found.Count > wanted
            ? await markers.WriteAsync(scope, new(page[^1].Function.Name, page[^1].Version.Number), request.Aborted)
            : null;
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            if (next is not null)
            {
                json.WriteString("NextMarker", next);
            }

            json.WriteStartArray("Functions");
            page.ForEach(view => ConfigurationJson.Write(json, view, new(IsQualified: allVersions, InList: true)));
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    public async ValueTask GetAccountSettingsAsync(AwsRequest request, RouteValues labels)
    {
        var (functions, bytes) = await store.MeasureAsync(request.Caller.AccountId, request.Region, request.Aborted);
        await RestJson.WriteAsync(request.Http, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartObject("AccountLimit");
            json.WriteNumber("TotalCodeSize", TotalCodeBytes);
            json.WriteNumber("CodeSizeUnzipped", PackageLimits.UnzippedBytes);
            json.WriteNumber("CodeSizeZipped", PackageLimits.ZippedBytes);
            json.WriteNumber("ConcurrentExecutions", ConcurrentExecutions);
            json.WriteNumber("UnreservedConcurrentExecutions", ConcurrentExecutions);
            json.WriteEndObject();
            json.WriteStartObject("AccountUsage");
            json.WriteNumber("TotalCodeSize", bytes);
            json.WriteNumber("FunctionCount", functions);
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    public static int PageOf(string? maxItems, string? functionVersion) =>
        PageOf(maxItems, MaxItems, new Constraints().OneOf("functionVersion", functionVersion, "ALL"));

    /// <summary>Asking for more than a page is allowed, up to the operation's maximum, and brings a page.</summary>
    public static int PageOf(string? maxItems, int maximum, Constraints constraints)
    {
        if (maxItems is null)
        {
            constraints.ThrowIfAny();
            return PageSize;
        }

        if (!long.TryParse(maxItems, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var given))
        {
            throw FunctionErrors.Validation("1 validation error detected: " + Constraints.Sentence("maxItems", maxItems, "Member must be an integer"));
        }

        constraints.Range("maxItems", (int)Math.Clamp(given, int.MinValue, int.MaxValue), 1, maximum).ThrowIfAny();
        return (int)Math.Min(given, PageSize);
    }
}
