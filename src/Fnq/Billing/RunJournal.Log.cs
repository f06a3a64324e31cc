namespace Fnq.Billing;

internal sealed partial class RunJournal
{
    [LoggerMessage(6000, LogLevel.Information, "Took over the run journal {Folder} of a process that is gone: {Segments} segments, {Bytes} bytes not confirmed")]
    private static partial void LogAdopted(ILogger logger, string folder, int segments, long bytes);

    [LoggerMessage(6001, LogLevel.Warning, "Journal segment {Path} ends in {Bytes} bytes that are no whole record; a record whose write did not complete was never answered")]
    private static partial void LogTorn(ILogger logger, string path, long bytes);

    [LoggerMessage(6002, LogLevel.Error, "The run journal {Folder} of a process that is gone cannot be read; its records are not billed until it can")]
    private static partial void LogNotAdopted(ILogger logger, Exception failure, string folder);
}
