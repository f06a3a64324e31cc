namespace Fnq.Identity;

internal sealed partial class AccessKeyStore
{
    [LoggerMessage(1200, LogLevel.Warning, "Access key {AccessKeyId} could not be read again, the remembered one stays in use")]
    private static partial void LogStale(ILogger logger, string accessKeyId, Exception reason);
}
