namespace Fnq.Billing;

internal sealed partial class RecordPublisher
{
    [LoggerMessage(6010, LogLevel.Debug, "Records go to queue {Queue}")]
    private static partial void LogConnected(ILogger logger, string queue);

    [LoggerMessage(6011, LogLevel.Warning, "Records could not be published (try {Failures}); they wait in the journal")]
    private static partial void LogFailed(ILogger logger, Exception failure, int failures);
}
