using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fnq.Billing;
using Fnq.Hosting;
using Fnq.Storage;
using Npgsql;

namespace Fnq.Server;

/// <summary>The whole story over the public API: create, wait, invoke twice, and what it cost by the billing records.</summary>
internal sealed class Demo(FnqSettings settings, TextWriter output)
{
    private const string Name = "fnq-demo";
    private const string Functions = "/2015-03-31/functions";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly DemoClient _client = new(settings);

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await CreateAsync(cancellationToken);
        await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(settings.PostgresUrl));
        var usage = new UsageQuery(source);
        var before = await RunsAsync(usage, cancellationToken);
        await InvokeAsync("cold", cancellationToken);
        await InvokeAsync("warm", cancellationToken);
        await ShowCostAsync(usage, before, cancellationToken);
        return 0;
    }

    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        await _client.SendAsync(HttpMethod.Delete, $"{Functions}/{Name}", null, cancellationToken, HttpStatusCode.NoContent, HttpStatusCode.NotFound);
        var request = new JsonObject
        {
            ["FunctionName"] = Name,
            ["Runtime"] = "python3.13",
            ["Handler"] = "lambda_function.lambda_handler",
            ["MemorySize"] = 256,
            ["Timeout"] = 10,
            ["Role"] = $"arn:aws:iam::{settings.AccountId}:role/demo",
            ["Code"] = new JsonObject { ["ZipFile"] = Convert.ToBase64String(Package()) },
        };
        await output.WriteLineAsync($"CreateFunction {Name} (python3.13, 256 MB)");
        await _client.SendAsync(HttpMethod.Post, Functions, request, cancellationToken, HttpStatusCode.Created);
        await UntilAsync(IsActiveAsync, "the function is Active", cancellationToken);
        await output.WriteLineAsync("  State: Active");
    }

    private async Task<bool> IsActiveAsync(CancellationToken cancellationToken)
    {
        var answer = await _client.SendAsync(HttpMethod.Get, $"{Functions}/{Name}/configuration", null, cancellationToken, HttpStatusCode.OK);
        var configuration = JsonNode.Parse(answer.Body)!;
        return (string?)configuration["State"] switch
        {
            "Active" => true,
            "Failed" => throw new InvalidOperationException((string?)configuration["StateReason"]),
            _ => false,
        };
    }

    private async Task InvokeAsync(string start, CancellationToken cancellationToken)
    {
        var answer = await _client.SendAsync(
            HttpMethod.Post, $"{Functions}/{Name}/invocations", new JsonObject { ["name"] = Environment.UserName },
            cancellationToken, HttpStatusCode.OK);
        await output.WriteLineAsync($"Invoke ({start} start)\n  answer: {Encoding.UTF8.GetString(answer.Body)}");
        var log = Encoding.UTF8.GetString(Convert.FromBase64String(answer.LogResult ?? ""));
        await output.WriteLineAsync($"  {log.Split('\n').First(line => line.StartsWith("REPORT", StringComparison.Ordinal)).TrimEnd()}");
    }

    private async Task ShowCostAsync(UsageQuery usage, FunctionUsage before, CancellationToken cancellationToken)
    {
        FunctionUsage? after = null;
        await UntilAsync(
            async token => (after = await RunsAsync(usage, token)).Invocations >= before.Invocations + 2,
            "the billing records are in the database", cancellationToken);
        var runs = after!.Invocations - before.Invocations;
        var gbSeconds = after.GbSeconds - before.GbSeconds;
        var prices = await usage.PricesAsync(cancellationToken);
        var day = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        var cost = (runs * prices.Tiers(settings.Region, PriceItems.Request, PriceItems.Any, day)[0].UsdPerUnit)
            + (gbSeconds * prices.Tiers(settings.Region, PriceItems.GbSecond, "x86_64", day)[0].UsdPerUnit);
        await output.WriteLineAsync(
            $"Billed\n  {runs} invocations, {after.BilledMilliseconds - before.BilledMilliseconds} ms, {gbSeconds:F6} GB-seconds: "
            + $"{cost:F10} USD at AWS's list price, before the free tier");
    }

    private async Task<FunctionUsage> RunsAsync(UsageQuery usage, CancellationToken cancellationToken) =>
        (await usage.FunctionsAsync($"arn:aws:lambda:{settings.Region}:{settings.AccountId}:function:{Name}", cancellationToken)).FirstOrDefault()
        ?? new FunctionUsage(settings.AccountId, settings.Region, Name, 0, 0, 0, 0);

    private static byte[] Package()
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create))
        {
            zip.CreateEntryFromFile(
                Path.Combine(AppContext.BaseDirectory, "runtimes", "examples", "python", "lambda_function.py"), "lambda_function.py");
        }

        return bytes.ToArray();
    }

    private static async Task UntilAsync(Func<CancellationToken, Task<bool>> condition, string what, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (!await condition(limit.Token))
        {
            try
            {
                await tick.WaitForNextTickAsync(limit.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"Waited {Patience.TotalMinutes} minutes in vain: {what}");
            }
        }
    }
}
