namespace Fnq.Execution.Sandboxes;

internal sealed partial class OciSandboxBackend
{
    [LoggerMessage(3101, LogLevel.Information, "Sandboxes run by {Runtime}, control groups {Layout}, state in {Folder}")]
    private partial void LogReady(string runtime, string layout, string folder);

    [LoggerMessage(3102, LogLevel.Warning, "OCI runtime {Runtime} cannot run a sandbox here: {Reason}")]
    private partial void LogUnusable(string runtime, string reason);

    [LoggerMessage(3103, LogLevel.Error, "Sandbox {Id} could not be removed whole; its slot stays taken and the next sweep tries again")]
    private partial void LogLeftOver(string id, Exception? reason);

    [LoggerMessage(3104, LogLevel.Information, "Swept {Count} sandboxes of dead worker {Owner}")]
    private partial void LogSwept(int count, string owner);

    [LoggerMessage(3105, LogLevel.Warning, "No memory limit could be set over all sandboxes; each still has its own")]
    private partial void LogNoPoolLimit();
}
