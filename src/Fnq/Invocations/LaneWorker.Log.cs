namespace Fnq.Invocations;

internal sealed partial class LaneWorker
{
    [LoggerMessage(2200, LogLevel.Debug, "The broker link of the lanes was lost meanwhile")]
    private partial void LogLinkLost(Exception error);

    [LoggerMessage(2201, LogLevel.Error, "Request {RequestId} could not be run")]
    private partial void LogRunFailed(Exception error, Guid requestId);

    [LoggerMessage(2202, LogLevel.Error, "A message of a lane is no request and is rejected")]
    private partial void LogUnreadable(Exception error);
}
