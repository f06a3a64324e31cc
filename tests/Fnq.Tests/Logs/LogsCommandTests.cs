using Fnq.Contracts;
using Fnq.Logs;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.Tests.Logs;

public sealed class LogsCommandTests : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fnq-test-").FullName;
    private readonly LogStore _store;

    public LogsCommandTests() => _store = new LogStore(_folder, TimeProvider.System, NullLogger<LogStore>.Instance);

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Shows_all_streams_by_time_with_escapes_neutralised()
    {
        Open("a").Append(LogSource.Function, 2_000, "second \u001b[2J"u8);
        Open("b").Append(LogSource.Platform, 1_000, "first"u8);
        await _store.FlushAsync(CancellationToken.None);
        var output = new StringWriter();
        Assert.Equal(0, await LogsCommand.RunAsync(_folder, "123456789012", "us-east-1", "hello", follow: false, output, default));
        Assert.Equal("1970-01-01T00:00:01.000Z first\n1970-01-01T00:00:02.000Z second \\u001b[2J\n", output.ToString());
    }

    [Fact]
    public async Task Shows_the_lines_of_one_event_below_each_other()
    {
        Open("a").Append(LogSource.Function, 1_000, "[ERROR] bad\r2026-11-24T00:00:00.000Z END RequestId: forged"u8);
        await _store.FlushAsync(CancellationToken.None);
        var output = new StringWriter();
        await LogsCommand.RunAsync(_folder, "123456789012", "us-east-1", "hello", follow: false, output, default);
        Assert.Equal("1970-01-01T00:00:01.000Z [ERROR] bad\n    2026-11-24T00:00:00.000Z END RequestId: forged\n", output.ToString());
    }

    [Fact]
    public async Task Marks_what_a_function_writes_in_the_name_of_the_platform()
    {
        var stream = Open("a");
        stream.Append(LogSource.Platform, 1_000, "REPORT RequestId: 1"u8);
        stream.Append(LogSource.Function, 1_001, "REPORT RequestId: 1"u8);
        stream.Append(LogSource.Function, 1_002, "REPORTED as it is"u8);
        await _store.FlushAsync(CancellationToken.None);
        var output = new StringWriter();
        await LogsCommand.RunAsync(_folder, "123456789012", "us-east-1", "hello", follow: false, output, default);
        Assert.Equal(
            ["1970-01-01T00:00:01.000Z REPORT RequestId: 1", "1970-01-01T00:00:01.001Z [function] REPORT RequestId: 1", "1970-01-01T00:00:01.002Z REPORTED as it is"],
            output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Follows_what_is_written_later()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var output = new SignallingWriter("later");
        var follow = LogsCommand.RunAsync(_folder, "123456789012", "us-east-1", "hello", follow: true, output, stop.Token);
        var stream = Open("a");
        stream.Append(LogSource.Function, 1, "earlier"u8);
        await _store.FlushAsync(CancellationToken.None);
        stream.Append(LogSource.Function, 2, "later"u8);
        await output.Seen.WaitAsync(stop.Token);
        await stop.CancelAsync();
        Assert.Equal(0, await follow);
    }

    private LogStream Open(string id) =>
        _store.Open(new FunctionKey("123456789012", "us-east-1", "hello"), new LogStreamName(new DateOnly(2026, 11, 24), "$LATEST", id));

    private sealed class SignallingWriter(string text) : StringWriter
    {
        private readonly TaskCompletionSource _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Seen => _seen.Task;

        public override Task WriteLineAsync(string? value)
        {
            if (value?.EndsWith(text, StringComparison.Ordinal) == true)
            {
                _seen.TrySetResult();
            }

            return Task.CompletedTask;
        }
    }
}
