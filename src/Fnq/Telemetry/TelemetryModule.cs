using Fnq.Dispatch;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace Fnq.Telemetry;

/// <summary>One thing that must work before this process takes requests.</summary>
/// <param name="Name">As shown by /readyz.</param>
internal sealed record ReadinessCheck(string Name, Func<bool> IsReady);

/// <summary>/healthz says that the process lives, /readyz that its links stand, /metrics what it counts.</summary>
internal sealed class TelemetryModule : IModule
{
    /// <summary>Runs are from under a millisecond to 15 minutes.</summary>
    private static readonly double[] SecondsBuckets =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];

    public void Register(IServiceCollection services) => services
        .AddSingleton<AuditLog>()
        .AddSingleton<BrokenRequests>()
        .AddMetrics()
        .AddOpenTelemetry()
        .WithMetrics(metrics => metrics
            .AddMeter("Fnq.*")
            .AddMeter("MassTransit")
            .AddRuntimeInstrumentation()
            .AddView(instrument => instrument.Unit == "s" ? new ExplicitBucketHistogramConfiguration { Boundaries = SecondsBuckets } : null)
            .AddPrometheusExporter());

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/healthz", () => Results.Text("ok\n"));
        endpoints.MapGet("/readyz", (IEnumerable<ReadinessCheck> checks) =>
        {
            var failing = checks.Where(check => !check.IsReady()).Select(check => check.Name).ToList();
            return failing.Count == 0
                ? Results.Text("ready\n")
                : Results.Text($"not ready: {string.Join(", ", failing)}\n", statusCode: StatusCodes.Status503ServiceUnavailable);
        });
        endpoints.MapPrometheusScrapingEndpoint("/metrics");
    }
}
