using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Execution;
using Fnq.Execution.RuntimeApi;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Fnq.Tests.Execution;

/// <summary>
/// Random sequences of valid, invalid, cut off and malformed calls at the Runtime APIs of three environments, over real
/// sockets, beside a fourth that behaves. FNQ_TEST_SEED repeats the choices of a run, FNQ_TEST_LONG=1 makes it ten minutes.
/// </summary>
[Collection(nameof(RuntimeApiFuzzTests))]
public sealed class RuntimeApiFuzzTests(ITestOutputHelper output) : IAsyncDisposable
{
    private const int Attackers = 3;
    private const long MemoryGrowthLimit = 32 * 1024 * 1024;
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(300);
    private readonly TroubleLog _troubles = new();
    private readonly ConcurrentDictionary<string, byte> _spoiled = new();
    private readonly ConcurrentDictionary<RunOutcome, int> _outcomes = new();
    private readonly SemaphoreSlim _starting = new(1);
    private EnvironmentHarness? _harness;
    private int _runs;
    private int _records;
    private int _starts;

    public async ValueTask DisposeAsync()
    {
        if (_harness is not null)
        {
            await _harness.DisposeAsync();
        }

        _starting.Dispose();
    }

    [Fact]
    public async Task Whatever_a_function_sends_the_server_answers_and_every_run_ends_once()
    {
        var isLong = Environment.GetEnvironmentVariable("FNQ_TEST_LONG") == "1";
        var length = isLong ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(3);
        var seed = int.TryParse(Environment.GetEnvironmentVariable("FNQ_TEST_SEED"), out var given) ? given : Random.Shared.Next();
        output.WriteLine($"FNQ_TEST_SEED={seed}");

        // Without pacing, or most of the time would be spent waiting for a turn.
        var limits = new RuntimeApiLimits { ConnectionBurst = 1_000_000, IdleCallBurst = 1_000_000 };
        _harness = new EnvironmentHarness(loggers: _troubles, limits: limits);
        var calm = await _harness.StartAsync(Runtimes.Echo);
        using var stop = new CancellationTokenSource();
        var attackers = Enumerable.Range(0, Attackers).Select(number => AttackAsync(seed + number * 1_000_003, stop.Token)).ToArray();
        try
        {
            await WatchAsync(calm, attackers, length);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"FNQ_TEST_SEED={seed}: {e.Message}", e);
        }
        finally
        {
            await stop.CancelAsync();
        }

        await Task.WhenAll(attackers);
        var told = string.Join(", ", _outcomes.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Value} {pair.Key}")));
        output.WriteLine($"{_runs} runs ({told}), {_starts} processes");
        CountRecords();
        Assert.Equal(_runs, _records);
        Assert.True(_outcomes.GetValueOrDefault(RunOutcome.Succeeded) > 3 && _outcomes.Count >= 3, $"the fuzz does too little: {told}");
    }

    /// <summary>Round by round: the neighbour is served, nothing was unhandled, nobody hangs, and memory does not grow.</summary>
    private async Task WatchAsync(ExecutionEnvironment calm, Task[] attackers, TimeSpan length)
    {
        var time = TimeProvider.System;
        var began = time.GetTimestamp();
        long? baseline = null;
        while (time.GetElapsedTime(began) < length)
        {
            var round = time.GetTimestamp();
            while (time.GetElapsedTime(round) < Round)
            {
                var answer = await calm.InvokeAsync(EnvironmentHarness.Request("[1]"), default).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
                Count(answer);
                Assert.Equal("[1]", Encoding.UTF8.GetString(answer.Payload.Span));
            }

            Assert.True(_troubles.Lines.IsEmpty, string.Join("\n", _troubles.Lines));
            CountRecords();
            if (attackers.FirstOrDefault(attacker => attacker.IsFaulted) is { } failed)
            {
                await failed;
            }

            if (time.GetElapsedTime(began) > length / 3)
            {
                baseline ??= GC.GetTotalMemory(forceFullCollection: true);
            }
        }

        var grown = GC.GetTotalMemory(forceFullCollection: true) - baseline!.Value;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{grown / 1024.0 / 1024:F1} MiB more than after a third"));
        Assert.InRange(grown, long.MinValue, MemoryGrowthLimit);
    }

    /// <summary>And forgets them, so that what memory is used belongs to the server.</summary>
    private void CountRecords()
    {
        lock (_harness!.Records)
        {
            _records += _harness.Records.Select(record => record.RunId).Distinct().Count();
            _harness.Records.Clear();
        }
    }

    /// <summary>Invokes an environment whose runtime is out of its mind, again and again.</summary>
    private async Task AttackAsync(int seed, CancellationToken stop)
    {
        ExecutionEnvironment? environment = null;
        while (!stop.IsCancellationRequested)
        {
            environment ??= await StartAsync(seed);
            var isSpent = false;
            try
            {
                var request = EnvironmentHarness.Request($"[{seed}]");
                var result = await environment.InvokeAsync(request, default).AsTask().WaitAsync(TimeSpan.FromSeconds(30), CancellationToken.None);
                Count(result);
                isSpent = result.Outcome == RunOutcome.InitFailed;
                var payload = Encoding.Latin1.GetString(result.Payload.Span);
                if (result.Outcome == RunOutcome.Succeeded && !_spoiled.ContainsKey(request.RequestId.ToString()))
                {
                    Assert.StartsWith($"\"{request.RequestId}", payload, StringComparison.Ordinal);
                }
            }
            catch (EnvironmentGoneException)
            {
                isSpent = true;
            }

            Assert.True(isSpent || environment.Phase is EnvironmentPhase.Init or EnvironmentPhase.Ready, environment.Phase.ToString());
            if (isSpent || !environment.IsReusable)
            {
                // Another takes its place, before its init is held back or because it hung up on next too often.
                await EndAsync(environment);
                environment = null;
            }
        }
    }

    private async Task EndAsync(ExecutionEnvironment environment)
    {
        await _starting.WaitAsync();
        try
        {
            await _harness!.EndAsync(environment);
        }
        finally
        {
            _starting.Release();
        }
    }

    private void Count(InvocationResult result)
    {
        Assert.Equal(DispatchStatus.Completed, result.Status);
        Interlocked.Increment(ref _runs);
        _outcomes.AddOrUpdate(result.Outcome, 1, (_, count) => count + 1);
    }

    private async Task<ExecutionEnvironment> StartAsync(int seed)
    {
        // One at a time: the harness hands out one sandbox after the other.
        await _starting.WaitAsync();
        try
        {
            return await _harness!.StartAsync(
                (sandbox, killed) =>
                {
                    var start = Interlocked.Increment(ref _starts);
                    return new FuzzedRuntime(sandbox, new Random(seed + start), _spoiled, killed).RunAsync();
                },
                EnvironmentHarness.Deployment with { TimeoutSeconds = 1 },
                new InitBackoff(TimeProvider.System));
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>Keeps what a worker would log as an error.</summary>
    private sealed class TroubleLog : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");
            }
        }

        public void Dispose()
        {
        }
    }
}

/// <summary>It measures the memory of the process, which others would use meanwhile.</summary>
[CollectionDefinition(nameof(RuntimeApiFuzzTests), DisableParallelization = true)]
public sealed class RuntimeApiFuzzCollection;
