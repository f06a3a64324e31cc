using System.Net;

namespace Fnq.Telemetry;

/// <summary>A request that was not served, and what is known of its sender. Nothing here is a secret, a signature or a body.</summary>
internal sealed record RefusedRequest
{
    /// <summary>Unknown, or not looked at before the refusal.</summary>
    public const string Nothing = "-";

    /// <summary>Of the answer; for what never became a request the connection's id.</summary>
    public required string RequestId { get; init; }
    public required int Status { get; init; }

    /// <summary>AWS's name of the error.</summary>
    public required string Error { get; init; }
    public string Service { get; init; } = Nothing;
    public string Operation { get; init; } = Nothing;

    /// <summary>As claimed: the signature may have been wrong.</summary>
    public string AccessKeyId { get; init; } = Nothing;
    public string Method { get; init; } = Nothing;

    /// <summary>As it came, without the query: a presigned one holds a signature.</summary>
    public string Path { get; init; } = Nothing;
    public IPAddress? Source { get; init; }
}

/// <summary>
/// One line for each request that authentication, authorisation or validation refused, under a category of its own, so
/// that a collector can keep it apart. Throttled requests come by the thousand and are counted instead.
/// </summary>
internal sealed partial class AuditLog(ILoggerFactory loggers)
{
    public const string Category = "Fnq.Audit";
    private const int MaxLength = 256;

    private readonly ILogger _logger = loggers.CreateLogger(Category);

    public void Refused(RefusedRequest refused) => LogRefused(
        _logger, Clean(refused.Service), Clean(refused.Operation), Clean(refused.Method), Clean(refused.Path),
        Clean(refused.AccessKeyId), refused.Source, refused.Status, Clean(refused.Error), Clean(refused.RequestId));

    /// <summary>Visible ASCII of bounded length: no value can end its line, begin another, or steer a terminal.</summary>
    internal static string Clean(string value)
    {
        if (value.Length == 0)
        {
            return RefusedRequest.Nothing;
        }

        if (value.Length <= MaxLength && !value.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return value;
        }

        var kept = value.AsSpan(0, Math.Min(value.Length, MaxLength));
        return string.Create(kept.Length, kept, static (clean, given) =>
        {
            for (var i = 0; i < clean.Length; i++)
            {
                clean[i] = given[i] is >= '!' and <= '~' ? given[i] : '?';
            }
        });
    }

    [LoggerMessage(1300, LogLevel.Information,
        "Refused {Service} {Operation} ({Method} {Path}) of key {AccessKeyId} from {Source}: {Status} {Error}, request {RequestId}", EventName = "RequestRefused")]
    private static partial void LogRefused(
        ILogger logger, string service, string operation, string method, string path, string accessKeyId, IPAddress? source,
        int status, string error, string requestId);
}
