using System.Text;
using Fnq.Contracts;
using Fnq.Execution.Output;
using Fnq.Logs;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.Tests.Execution;

public sealed class EnvironmentLogTests : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fnq-test-").FullName;
    private readonly LogStore _store;
    private readonly LogStream _stream;
    private readonly EnvironmentLog _log;
    private readonly FakeSandbox _sandbox = new();
    private readonly OutputPump _pump = new();

    public EnvironmentLogTests()
    {
        _store = new LogStore(_folder, TimeProvider.System, NullLogger<LogStore>.Instance);
        var function = new FunctionKey("123456789012", "us-east-1", "hello");
        _stream = _store.Open(function, new LogStreamName(new DateOnly(2026, 11, 24), "$LATEST", "abc"));
        _log = new EnvironmentLog(_stream, _sandbox.Output, TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        _pump.Dispose();
        await _store.DisposeAsync();
        await _sandbox.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_flood_without_line_feeds_is_drained_capped_and_marked()
    {
        _pump.Register(_log);
        // More than a pipe holds: this only returns because somebody reads.
        await Task.Run(() => _sandbox.Print(new string('x', 3 * 1024 * 1024))).WaitAsync(TimeSpan.FromSeconds(20));
        _log.Drain(EnvironmentLog.MaxInvocationBytes);
        _log.Platform("END");
        var lines = await ReadAsync();
        Assert.Equal(2, lines.Length);
        Assert.EndsWith("x [truncated by Fnq: line beyond 256 kB]", lines[0], StringComparison.Ordinal);
        Assert.InRange(lines[0].Length, EnvironmentLog.MaxLineBytes, EnvironmentLog.MaxLineBytes + 100);
    }

    [Fact]
    public async Task An_invocation_keeps_one_mebibyte_and_the_next_begins_anew()
    {
        _pump.Register(_log);
        _log.Begin(keepTail: false);
        await Task.Run(() => _sandbox.Print(string.Concat(Enumerable.Repeat(new string('y', 999) + "\n", 3000)))).WaitAsync(TimeSpan.FromSeconds(20));
        _log.Begin(keepTail: false);
        _sandbox.Print("after\n");
        _log.Drain(EnvironmentLog.MaxInvocationBytes);
        var lines = await ReadAsync();
        Assert.InRange(lines.Count(l => l[0] == 'F' && l.EndsWith('y')), 1030, 1035);
        Assert.Contains(lines, l => l.EndsWith("[truncated by Fnq: output of one invocation beyond 1 MiB]", StringComparison.Ordinal));
        Assert.EndsWith(" after", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_without_text_count_too()
    {
        _pump.Register(_log);
        _log.Begin(keepTail: false);
        await Task.Run(() => _sandbox.Print(new string('\n', 3 * 1024 * 1024))).WaitAsync(TimeSpan.FromSeconds(20));
        _log.Drain(EnvironmentLog.MaxInvocationBytes);
        await _store.FlushAsync(CancellationToken.None);
        Assert.InRange(new FileInfo(_stream.Path).Length, 1_000_000, 1024 * 1024 + 200);
    }

    [Fact]
    public void The_tail_is_the_last_4096_bytes()
    {
        _log.Begin(keepTail: true);
        for (var i = 0; i < 1000; i++)
        {
            _log.Platform($"line {i}");
        }

        var all = string.Concat(Enumerable.Range(0, 1000).Select(i => $"line {i}\n"));
        Assert.Equal(all[^4096..], Encoding.UTF8.GetString(_log.TakeTail()));
    }

    [Fact]
    public async Task What_the_writer_cannot_take_in_time_is_dropped_and_counted()
    {
        // More than waits for the writer at once, and not more than the current file and the one before it hold.
        const int Count = 90;
        var line = new byte[200_000];
        line.AsSpan().Fill((byte)'z');
        for (var i = 0; i < Count; i++)
        {
            _stream.Append(LogSource.Function, 1, line);
        }

        var lines = await ReadAsync();
        var before = File.Exists(_stream.Path + ".1") ? await File.ReadAllLinesAsync(_stream.Path + ".1") : [];
        Assert.Equal(Count, lines.Concat(before).Count(l => l.StartsWith('F')) + _stream.DroppedLines);
    }

    private async Task<string[]> ReadAsync()
    {
        await _store.FlushAsync(CancellationToken.None);
        return (await File.ReadAllTextAsync(_stream.Path)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
