using System.Threading.Channels;
using Fnq.Contracts;

namespace Fnq.Logs;

/// <summary>Keeps log streams in capped files: <c>logs/account/region/function/day_version_environment.log</c>.</summary>
internal sealed partial class LogStore : IAsyncDisposable
{
    private const long MaxFileBytes = 10 * 1024 * 1024;

    /// <summary>Lines that come within this time of each other share one write.</summary>
    private static readonly TimeSpan GatherTime = TimeSpan.FromMilliseconds(20);

    // A stream is in here at most once, so the number of environments bounds it.
    private readonly Channel<LogStream> _dirty = Channel.CreateUnbounded<LogStream>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly string _dataFolder;
    private readonly TimeProvider _time;
    private readonly ILogger<LogStore> _log;
    private readonly Task _writer;

    public LogStore(string dataFolder, TimeProvider time, ILogger<LogStore> log)
    {
        (_dataFolder, _time, _log) = (dataFolder, time, log);
        _writer = Task.Run(WriteLoopAsync);
    }

    /// <summary>Makes a stream and, now and then, room for it.</summary>
    public LogStream Open(FunctionKey function, LogStreamName name)
    {
        var folder = LogFolders.Of(_dataFolder, function.AccountId, function.Region, function.Name);
        Directory.CreateDirectory(folder);
        LogRetention.Prune(folder);
        return new LogStream(this, Path.Combine(folder, name.FileName));
    }

    /// <summary>Writes what has gathered so far.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            while (_dirty.Reader.TryRead(out var stream))
            {
                Write(stream);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _dirty.Writer.TryComplete();
        await _stop.CancelAsync();
        await _writer;
        await FlushAsync(CancellationToken.None);
        _stop.Dispose();
        _writing.Dispose();
    }

    internal void Enqueue(LogStream stream) => _dirty.Writer.TryWrite(stream);

    private async Task WriteLoopAsync()
    {
        try
        {
            while (await _dirty.Reader.WaitToReadAsync(_stop.Token))
            {
                await Task.Delay(GatherTime, _time, _stop.Token);
                await FlushAsync(_stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposal writes the rest.
        }
    }

    private void Write(LogStream stream)
    {
        var batch = stream.Take(_time.GetUtcNow().ToUnixTimeMilliseconds());
        try
        {
            using var file = File.OpenHandle(stream.Path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            var size = RandomAccess.GetLength(file);
            if (size > 0 && size + batch.Length > MaxFileBytes)
            {
                File.Move(stream.Path, stream.Path + ".1", overwrite: true);
                using var fresh = File.OpenHandle(stream.Path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
                RandomAccess.Write(fresh, batch.Span, 0);
                return;
            }

            RandomAccess.Write(file, batch.Span, size);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk must not stop functions: their lines are lost, and the operator hears of it.
            LogWriteFailed(stream.Path, e.Message);
        }
    }

    [LoggerMessage(EventId = 3501, Level = LogLevel.Warning, Message = "Could not write to the log stream {Path}: {Reason}")]
    private partial void LogWriteFailed(string path, string reason);
}
