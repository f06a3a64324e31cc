using System.Net;

namespace Fnq.AwsApi;

internal sealed partial class AwsFront
{
    [LoggerMessage(1300, LogLevel.Information, "Refused {Method} {Path} of key {AccessKeyId} from {RemoteIp}: {Status} {Type}, request {RequestId}")]
    private static partial void LogRefused(
        ILogger logger, string method, string path, string accessKeyId, IPAddress? remoteIp, int status, string type, Guid requestId);

    [LoggerMessage(1301, LogLevel.Error, "Failed {Method} {Path}, request {RequestId}")]
    private static partial void LogFailed(ILogger logger, string method, string path, Guid requestId, Exception failure);
}
