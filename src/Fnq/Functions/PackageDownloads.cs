using System.Globalization;
using Fnq.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Fnq.Functions;

/// <summary>Code.Location: a link that anybody who has it can follow for ten minutes, as AWS's presigned one.</summary>
internal sealed class PackageDownloads(ServerSecret secret, DeploymentCatalog packages, AuditLog audit, TimeProvider time)
{
    public const string Path = "/fnq/packages/{digest}";
    private const string Purpose = "download";
    private static readonly TimeSpan ValidFor = TimeSpan.FromMinutes(10);

    public async ValueTask<string> LinkAsync(HttpRequest request, string digest, CancellationToken cancellationToken)
    {
        var expires = (time.GetUtcNow() + ValidFor).ToUnixTimeSeconds();
        var token = await secret.SignAsync(Purpose, $"{digest}\n{expires}", cancellationToken);
        return $"{request.Scheme}://{request.Host}/fnq/packages/{digest}?expires={expires}&token={token}";
    }

    public async Task<IResult> GetAsync(string digest, HttpRequest request, CancellationToken cancellationToken)
    {
        string expires = request.Query["expires"].ToString(), token = request.Query["token"].ToString();
        if (!await secret.VerifyAsync(Purpose, $"{digest}\n{expires}", token, cancellationToken)
            || !long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            || time.GetUtcNow().ToUnixTimeSeconds() > until)
        {
            Audit(request);
            return Results.StatusCode(StatusCodes.Status403Forbidden);
        }

        return await packages.TryReadPackageAsync(digest, cancellationToken) is { } zip
            ? Results.Bytes(zip, "application/zip")
            : Results.NotFound();
    }

    private void Audit(HttpRequest request) => audit.Refused(new RefusedRequest
    {
        RequestId = request.HttpContext.TraceIdentifier,
        Status = StatusCodes.Status403Forbidden,
        Error = "AccessDenied",
        Service = "lambda",
        Operation = "DownloadCode",
        Method = request.Method,
        Path = request.Path.Value ?? "",
        Source = request.HttpContext.Connection.RemoteIpAddress,
    });
}
