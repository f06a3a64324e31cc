namespace Fnq.Billing;

internal sealed partial class Recorder
{
    [LoggerMessage(6020, LogLevel.Debug, "Recording from queue {Queue}")]
    private static partial void LogConsuming(ILogger logger, string queue);

    [LoggerMessage(6021, LogLevel.Warning, "The recorder lost the broker (try {Failures}); unrecorded messages stay in the queue")]
    private static partial void LogDisconnected(ILogger logger, Exception failure, int failures);

    [LoggerMessage(6022, LogLevel.Warning, "{Rows} records could not be written (try {Failures}); they are held and tried again")]
    private static partial void LogDatabase(ILogger logger, Exception failure, int failures, int rows);

    [LoggerMessage(6023, LogLevel.Error, "{Bytes} bytes are no record and go to {Queue}: {Reason}")]
    private static partial void LogDead(ILogger logger, int bytes, string queue, string reason);
}
