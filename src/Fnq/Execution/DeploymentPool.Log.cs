namespace Fnq.Execution;

internal sealed partial class DeploymentPool
{
    [LoggerMessage(3100, LogLevel.Error, "No environment for deployment {Deployment} could be started")]
    private partial void LogStartFailed(Exception error, string deployment);

    [LoggerMessage(3101, LogLevel.Warning, "Environment {Environment} could not be destroyed cleanly")]
    private partial void LogDestroyFailed(Exception error, string environment);

    [LoggerMessage(3102, LogLevel.Debug, "An environment of the retired deployment {Deployment} has started for those who still wait")]
    private partial void LogStartedForRetired(string deployment);
}
