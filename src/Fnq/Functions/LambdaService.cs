using Fnq.AwsApi;
using Fnq.Contracts;
using Fnq.Functions.EventConfigs;
using Fnq.Functions.EventSources;
using Fnq.Functions.Policies;
using Fnq.Functions.Urls;
using Fnq.Storage;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions;

/// <summary>The lambda service: which operation answers which path (lambda-api section 1).</summary>
internal sealed partial class LambdaService : IAwsService, IDisposable
{
    private const long CodeBodyBytes = 70_167_211;
    private const long PayloadBytes = 6_291_456;
    private const long OtherBodyBytes = 1_048_576;
    private const string Function = "/2015-03-31/functions/{FunctionName}";
    private const string EventConfig = "/2019-09-25/functions/{FunctionName}/event-invoke-config";
    private const string Url = "/2021-10-31/functions/{FunctionName}/url";
    private const string EventSource = "/2015-03-31/event-source-mappings";
    private const string Tags = "/2017-03-31/tags/{Resource}";

    private readonly RestJsonRouter _router;
    private readonly SemaphoreSlim _operations;
    private readonly ILogger<LambdaService> _logger;

    public LambdaService(
        LambdaOperations operations, FunctionsOptions options, ILogger<LambdaService> logger)
    {
        _logger = logger;
        _operations = new(options.ConcurrentOperations);
        _router = new RestJsonRouter(Limit(OtherBodyBytes, "this"));
        MapInvoke(operations.Invoke, operations.Events);
        MapWrites(operations.Writes);
        MapReads(operations.Reads, operations.Account);
        MapEventConfigs(operations.EventConfigs);
        MapPolicies(operations.Policies);
        MapUrls(operations.Urls);
        MapEventSources(operations.EventSources);
        MapTags(operations.Tags);
    }

    public string SigningName => "lambda";

    public long MaxBodyBytes(HttpContext http) => _router.LimitOf(http).Bytes;

    public AwsException BodyTooLarge(HttpContext http, long bytes) => _router.LimitOf(http).TooLarge(bytes);

    public string? ActionOf(HttpContext http, ReadOnlyMemory<byte> body) => _router.ActionOf(http);

    public string ResourceOf(AwsRequest request)
    {
        var labels = _router.LabelsOf(request);
        return labels?.Find("Resource") ?? (labels?.Find("FunctionName") is { } name ? ArnOf(request, name) : "*");
    }

    public async ValueTask HandleAsync(AwsRequest request)
    {
        try
        {
            await _router.DispatchAsync(request);
        }
        catch (Exception failure) when (DatabaseFailure.Is(failure))
        {
            LogDatabaseFailed(_logger, failure);
            throw FunctionErrors.Service(StatusCodes.Status503ServiceUnavailable, "The service is unavailable. Please try again.", retryAfterSeconds: 1);
        }
    }

    public ValueTask WriteErrorAsync(HttpContext http, Guid requestId, AwsException error) => RestJson.WriteErrorAsync(http, error);

    public void Dispose() => _operations.Dispose();

    private void MapInvoke(InvokeFunction invoke, InvokeEvent events)
    {
        _router.Map(
            "POST", Function + "/invocations", invoke.HandleAsync,
            new(PayloadBytes, bytes => FunctionErrors.TooLarge(
                $"{bytes} byte payload is too large for the RequestResponse invocation type (limit {PayloadBytes} bytes)")),
            "lambda:InvokeFunction");
        _router.Map(
            "POST", "/2014-11-13/functions/{FunctionName}/invoke-async", events.HandleAsync, new(InvokeEvent.PayloadBytes, InvokeEvent.TooLarge),
            "lambda:InvokeFunction");
    }

    private void MapWrites(FunctionWrites writes)
    {
        Map("POST", "/2015-03-31/functions", "CreateFunction", writes.CreateAsync, CodeBodyBytes);
        Map("PUT", Function + "/code", "UpdateFunctionCode", writes.UpdateCodeAsync, CodeBodyBytes);
        Map("PUT", Function + "/configuration", "UpdateFunctionConfiguration", writes.UpdateConfigurationAsync);
        Map("DELETE", Function, "DeleteFunction", writes.DeleteAsync);
    }

    private void MapReads(FunctionReads reads, AccountReads account)
    {
        Map("GET", "/2015-03-31/functions", "ListFunctions", account.ListFunctionsAsync);
        Map("GET", "/2016-08-19/account-settings", "GetAccountSettings", account.GetAccountSettingsAsync);
        Map("GET", Function, "GetFunction", reads.GetFunctionAsync);
        Map("GET", Function + "/configuration", "GetFunctionConfiguration", reads.GetConfigurationAsync);
        Map("GET", "/2020-06-30/functions/{FunctionName}/code-signing-config", "GetFunctionCodeSigningConfig", reads.GetCodeSigningConfigAsync);
        Map("GET", "/2019-09-30/functions/{FunctionName}/concurrency", "GetFunctionConcurrency", reads.GetConcurrencyAsync);
    }

    private void MapEventConfigs(EventInvokeConfigOperations configs)
    {
        Map("PUT", EventConfig, "PutFunctionEventInvokeConfig", configs.PutAsync);
        Map("POST", EventConfig, "UpdateFunctionEventInvokeConfig", configs.UpdateAsync);
        Map("GET", EventConfig, "GetFunctionEventInvokeConfig", configs.GetAsync);
        Map("DELETE", EventConfig, "DeleteFunctionEventInvokeConfig", configs.DeleteAsync);
        Map("GET", EventConfig + "/list", "ListFunctionEventInvokeConfigs", configs.ListAsync);
    }

    private void MapPolicies(PolicyOperations policies)
    {
        Map("POST", Function + "/policy", "AddPermission", policies.AddAsync);
        Map("GET", Function + "/policy", "GetPolicy", policies.GetAsync);
        Map("DELETE", Function + "/policy/{StatementId}", "RemovePermission", policies.RemoveAsync);
    }

    private void MapUrls(FunctionUrlOperations urls)
    {
        Map("POST", Url, "CreateFunctionUrlConfig", urls.CreateAsync);
        Map("GET", Url, "GetFunctionUrlConfig", urls.GetAsync);
        Map("PUT", Url, "UpdateFunctionUrlConfig", urls.UpdateAsync);
        Map("DELETE", Url, "DeleteFunctionUrlConfig", urls.DeleteAsync);
        Map("GET", Url + "s", "ListFunctionUrlConfigs", urls.ListAsync);
    }

    private void MapEventSources(EventSourceOperations sources)
    {
        Map("POST", EventSource, "CreateEventSourceMapping", sources.CreateAsync);
        Map("GET", EventSource, "ListEventSourceMappings", sources.ListAsync);
        Map("GET", EventSource + "/{UUID}", "GetEventSourceMapping", sources.GetAsync);
        Map("PUT", EventSource + "/{UUID}", "UpdateEventSourceMapping", sources.UpdateAsync);
        Map("DELETE", EventSource + "/{UUID}", "DeleteEventSourceMapping", sources.DeleteAsync);
    }

    private void MapTags(TagOperations tags)
    {
        Map("POST", Tags, "TagResource", tags.TagAsync);
        Map("GET", Tags, "ListTags", tags.ListAsync);
        Map("DELETE", Tags, "UntagResource", tags.UntagAsync);
    }

    private void Map(
        string method, string template, string operation, Func<AwsRequest, RouteValues, ValueTask> handler, long bodyBytes = OtherBodyBytes) =>
        _router.Map(method, template, Gated(handler), Limit(bodyBytes, operation), $"lambda:{operation}");

    /// <summary>
    /// Off the thread that reads sockets: packages are long work. A burst of operations waits here instead of running out of
    /// database connections.
    /// </summary>
    private Func<AwsRequest, RouteValues, ValueTask> Gated(Func<AwsRequest, RouteValues, ValueTask> operation) =>
        async (request, labels) =>
        {
            await _operations.WaitAsync(request.Aborted).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            try
            {
                await operation(request, labels);
            }
            finally
            {
                _operations.Release();
            }
        };

    /// <summary>For a sentence only: what is no plain name is shown as it came.</summary>
    private static string ArnOf(AwsRequest request, string name) =>
        name.Contains(':') ? name : new FunctionKey(request.Caller.AccountId, request.Region, name).Arn;

    private static BodyLimit Limit(long bytes, string operation) => new(bytes, _ => FunctionErrors.TooLarge(
        $"Request must be smaller than {bytes} bytes for the {operation} operation"));

    [LoggerMessage(1101, LogLevel.Error, "The database failed")]
    private static partial void LogDatabaseFailed(ILogger logger, Exception failure);
}

internal sealed record LambdaOperations(
    InvokeFunction Invoke, InvokeEvent Events, FunctionWrites Writes, FunctionReads Reads, AccountReads Account,
    EventInvokeConfigOperations EventConfigs, PolicyOperations Policies, FunctionUrlOperations Urls, EventSourceOperations EventSources,
    TagOperations Tags);
