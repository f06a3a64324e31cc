using System.Diagnostics;
using Fnq.AwsApi;
using Fnq.Dispatch;
using Fnq.Telemetry;
using Fnq.Transport;
using Fnq.Triggers.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Fnq.Hosting;

/// <summary>One process of Fnq. Main, tests and embedders start the same.</summary>
internal static partial class FnqServer
{
    /// <summary>Paths of the platform itself; everything else is a signed AWS request.</summary>
    private static readonly string[] PlatformPaths = ["/healthz", "/readyz", "/metrics", "/fnq/"];

    public static async Task<WebApplication> StartAsync(FnqSettings settings, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        ConfigureLogging(builder.Logging, settings);
        builder.WebHost.ConfigureKestrel(kestrel => Limit(kestrel, settings));
        // After the builder's own, and so before them.
        builder.Services.AddSingleton<IConnectionListenerFactory, LoopListeners>();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings);
        builder.Services.AddRouting();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));

        var node = FnqSettings.NewNode(TimeProvider.System);
        var modules = new List<IModule>(Modules.For(settings, node)) { new TelemetryModule() };
        modules.ForEach(module => module.Register(builder.Services));

        var app = builder.Build();
        LogStart(app.Logger, node.Value, string.Join("; ", settings.Describe().Select(pair => $"{pair.Name}={pair.Value}")));
        foreach (var module in modules)
        {
            await module.ProvisionAsync(app.Services, cancellationToken);
        }

        app.Services.GetRequiredService<BrokenRequests>().Watch(app.Services.GetRequiredService<DiagnosticListener>());
        var rules = new WireRules(app.Services.GetRequiredService<AuditLog>());
        app.Use(next => http => rules.Refuse(http) ?? next(http));
        if (settings.Has(RoleTable.Api))
        {
            // Before routing: an AWS request is told by its signature, and its path must stay as it came.
            var front = app.Services.GetRequiredService<AwsFront>();
            var urls = app.Services.GetRequiredService<UrlFront>();
            app.Use(next => http => UrlAddress.Of(http) is { } address ? urls.InvokeAsync(http, address) : next(http));
            app.Use(next => http => IsPlatformPath(http.Request.Path) ? next(http) : front.InvokeAsync(http));
        }

        app.UseRouting();
        modules.ForEach(module => module.Map(app));
        await app.StartAsync(cancellationToken);
        return app;
    }

    private static bool IsPlatformPath(PathString path)
    {
        foreach (var known in PlatformPaths)
        {
            if (path.Value!.StartsWith(known, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private static void ConfigureLogging(ILoggingBuilder logging, FnqSettings settings)
    {
        const string timestamp = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        logging.ClearProviders();
        _ = settings.LogFormat == "json"
            ? logging.AddJsonConsole(console => (console.TimestampFormat, console.UseUtcTimestamp) = (timestamp.TrimEnd(), true))
            : logging.AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat, console.UseUtcTimestamp) = (true, timestamp, true));
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("MassTransit", LogLevel.Warning);

        // Races on unique and foreign keys are expected and answered; EF would log each as an error.
        logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Critical);
    }

    private static void Limit(KestrelServerOptions kestrel, FnqSettings settings)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = settings.MaxConnections;
        kestrel.Limits.MaxRequestLineSize = 8_192;
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
        kestrel.Limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
        kestrel.Limits.MaxRequestBodySize = null; // Each operation has its own limit, enforced as the body is read.
        kestrel.Limits.MaxRequestHeaderCount = 100;
        kestrel.Limits.MaxRequestHeadersTotalSize = 32_768;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
        if (settings.Host is "0.0.0.0" or "*")
        {
            kestrel.ListenAnyIP(settings.Port, listen => listen.Protocols = HttpProtocols.Http1);
        }
        else if (settings.Host is "127.0.0.1" or "localhost" && settings.Port != 0)
        {
            kestrel.ListenLocalhost(settings.Port, listen => listen.Protocols = HttpProtocols.Http1);
        }
        else
        {
            kestrel.Listen(System.Net.IPAddress.Parse(settings.Host), settings.Port, listen => listen.Protocols = HttpProtocols.Http1);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Node {Node} starts with {Settings}")]
    private static partial void LogStart(ILogger logger, string node, string settings);
}
