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

    [LoggerMessage(3105, LogLevel.Warning, "No {Controllers} limit could be set over all sandboxes together; each still has its own")]
    private partial void LogNoPoolLimit(string controllers);

    [LoggerMessage(3106, LogLevel.Warning, "/tmp of functions is memory of theirs, because no loop device with a file system can be had here: {Reason}")]
    private partial void LogTmpInMemory(string reason);

    [LoggerMessage(3107, LogLevel.Warning, "No sandboxes are made ahead of need: {Runtime} does not show them what is mounted later")]
    private partial void LogCannotFill(string runtime);

    [LoggerMessage(3108, LogLevel.Warning, "No sandbox could be made ahead of need for {RootFileSystem}")]
    private partial void LogNotPrepared(string rootFileSystem, Exception reason);

    [LoggerMessage(3109, LogLevel.Warning, "Prepared sandbox {Id} could not be given its code; another is made")]
    private partial void LogNotAssigned(string id, Exception reason);

    [LoggerMessage(3110, LogLevel.Warning, "{Runtime} joins no user namespace here: what the kernel counts per user (timers, inotify, queues) all sandboxes have together")]
    private partial void LogSharedCounts(string runtime);
}
