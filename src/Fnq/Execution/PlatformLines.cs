using System.Globalization;
using System.Text.Json;
using Fnq.Dispatch;
using Fnq.Execution.Runtimes;

namespace Fnq.Execution;

/// <summary>What a REPORT line tells.</summary>
internal readonly record struct RunReport(
    string RequestId,
    double DurationMilliseconds,
    long BilledMilliseconds,
    int MemorySizeMb,
    int PeakMemoryMb,
    double? InitMilliseconds,
    string? Status,
    string? ErrorType);

/// <summary>The platform's lines in a function's log, as AWS writes them (lambda-api.md 3.2), in the log format of the function.</summary>
internal sealed class PlatformLines(Deployment deployment, RuntimeManifest runtime, TimeProvider time)
{
    private readonly bool _json = deployment.LogFormat == "JSON";

    public string InitStart()
    {
        var arn = $"arn:aws:lambda:{deployment.Function.Region}::runtime:{runtime.ArnHash}";
        return _json
            ? Json("platform.initStart", w =>
            {
                w.WriteString("initializationType", "on-demand");
                w.WriteString("phase", "init");
                w.WriteString("runtimeVersion", runtime.RuntimeVersion);
                w.WriteString("runtimeVersionArn", arn);
                w.WriteString("functionName", deployment.Function.Name);
                w.WriteString("functionVersion", deployment.Version);
            })
            : $"INIT_START Runtime Version: {runtime.RuntimeVersion}\tRuntime Version ARN: {arn}";
    }

    public string InitReport(double milliseconds, string phase, string status) => _json
        ? Json("platform.initReport", w =>
        {
            w.WriteString("phase", phase);
            w.WriteString("status", status);
            w.WriteStartObject("metrics");
            w.WriteNumber("durationMs", Math.Round(milliseconds, 3));
            w.WriteEndObject();
        })
        : string.Create(CultureInfo.InvariantCulture, $"INIT_REPORT Init Duration: {milliseconds:F2} ms\tPhase: {phase}\tStatus: {status}\t");

    /// <summary>In place of INIT_START: Fnq's own line.</summary>
    public string InitHeld(TimeSpan left)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"[Fnq] Init failed {InitBackoff.FailuresBeforePause} times or more in a row. It is not tried for {left.TotalSeconds:F1} s more; the last error stands.");
        return _json ? Json("platform.initHeld", w => w.WriteString("message", text)) : text;
    }

    public string Start(string requestId) => _json
        ? Json("platform.start", w =>
        {
            w.WriteString("requestId", requestId);
            w.WriteString("version", deployment.Version);
        })
        : $"START RequestId: {requestId} Version: {deployment.Version}";

    public string End(RunReport report) => _json
        ? Json("platform.runtimeDone", w =>
        {
            w.WriteString("requestId", report.RequestId);
            w.WriteString("status", report.Status ?? "success");
            w.WriteStartObject("metrics");
            w.WriteNumber("durationMs", Math.Round(report.DurationMilliseconds, 3));
            w.WriteEndObject();
        })
        : $"END RequestId: {report.RequestId}";

    public string Report(RunReport report)
    {
        if (_json)
        {
            return JsonReport(report);
        }

        var init = report.InitMilliseconds is { } ms ? string.Create(CultureInfo.InvariantCulture, $"Init Duration: {ms:F2} ms\t") : "";
        var status = report.Status is null ? "" : $"Status: {report.Status}" + (report.ErrorType is null ? "" : $"\tError Type: {report.ErrorType}");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"REPORT RequestId: {report.RequestId}\tDuration: {report.DurationMilliseconds:F2} ms\tBilled Duration: {report.BilledMilliseconds} ms\tMemory Size: {report.MemorySizeMb} MB\tMax Memory Used: {report.PeakMemoryMb} MB\t{init}{status}");
    }

    /// <summary>Before END of a run that was cut off.</summary>
    public string TimedOut(string requestId) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {requestId} {RunErrors.TimeoutText(deployment.Timeout)}");

    private string JsonReport(RunReport report) => Json("platform.report", w =>
    {
        w.WriteString("requestId", report.RequestId);
        w.WriteString("status", report.Status ?? "success");
        if (report.ErrorType is not null)
        {
            w.WriteString("errorType", report.ErrorType);
        }

        w.WriteStartObject("metrics");
        w.WriteNumber("durationMs", Math.Round(report.DurationMilliseconds, 3));
        w.WriteNumber("billedDurationMs", report.BilledMilliseconds);
        w.WriteNumber("memorySizeMB", report.MemorySizeMb);
        w.WriteNumber("maxMemoryUsedMB", report.PeakMemoryMb);
        if (report.InitMilliseconds is { } init)
        {
            w.WriteNumber("initDurationMs", Math.Round(init, 3));
        }

        w.WriteEndObject();
    });

    private string Json(string type, Action<Utf8JsonWriter> record)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("time", time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            writer.WriteString("type", type);
            writer.WriteStartObject("record");
            record(writer);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
