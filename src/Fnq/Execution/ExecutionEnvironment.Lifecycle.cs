using Fnq.Contracts;
using Fnq.Execution.RuntimeApi;
using Fnq.Execution.Sandboxes;

namespace Fnq.Execution;

/// <summary>What happens to the processes: start, end, deadline, restart, shutdown.</summary>
internal sealed partial class ExecutionEnvironment
{
    private static readonly TimeSpan ExitReportLimit = TimeSpan.FromSeconds(5);
    private readonly TaskCompletionSource _initEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _processGone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _killed;
    private Task _work = Task.CompletedTask;
    private RunEnd? _initError;
    private TimeSpan _initDuration;
    private bool _initSucceeded;
    private bool _processAlive;
    private bool _startedBefore;
    private long _processStartedAt;
    private long _output;
    private volatile int _generation;
    private int _disposed;

    int IRuntimeApiSession.Generation => _generation;

    /// <summary>Starts the runtime for the first time; completes when its initialisation has ended, well or not.</summary>
    internal async Task StartAsync(long orderedAt)
    {
        _output = _services.Output.Register(_log);
        _ = _services.Acceptor.RunAsync(_sandbox.RuntimeApiListener, this, _connections);
        _ = WatchAsync();
        lock (_gate)
        {
            Perform(EnvironmentEffects.StartProcess);
        }

        await _initEnded.Task;
        ColdStart = _services.Time.GetElapsedTime(orderedAt);
        _services.Meters.Started(_initDuration, _initSucceeded);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await Ended;
            return;
        }

        EnvironmentEffects effects;
        bool alive;
        Task work;
        lock (_gate)
        {
            effects = Advance(EnvironmentCommand.DrainRequested);
            alive = _processAlive && !_processGone.Task.IsCompleted;
            work = _work;
        }

        CompleteOutstanding(effects, new RunEnd(RunOutcome.PlatformLost, default));
        await work;
        if (alive && effects.HasFlag(EnvironmentEffects.ShutDown))
        {
            await TerminateAsync();
        }

        _services.Output.Unregister(_output);
        _deadline.Dispose();
        await _sandbox.DisposeAsync();
        _connections.AbortAll();
        OnSandboxEnded();
    }

    private async Task TerminateAsync()
    {
        using var limit = new CancellationTokenSource(ShutdownLimit, _services.Time);
        try
        {
            Thaw();
            await _sandbox.TerminateAsync(limit.Token);
            await _processGone.Task.WaitAsync(limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // It had its time; destruction kills.
        }

        _log.Drain(Output.EnvironmentLog.MaxInvocationBytes);
    }

    private EnvironmentEffects Advance(EnvironmentCommand command)
    {
        var before = _state.Phase;
        (_state, var effects) = _state.Apply(command);
        if (before != _state.Phase)
        {
            _services.Meters.PhaseChanged(before, _state.Phase);
        }

        return effects;
    }

    /// <summary>Process work happens one after the other and off the lock; the caller holds it.</summary>
    private void Perform(EnvironmentEffects effects)
    {
        var kill = effects.HasFlag(EnvironmentEffects.KillProcesses);
        var start = effects.HasFlag(EnvironmentEffects.StartProcess);
        if (kill && _processAlive)
        {
            _killed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        if (kill || start)
        {
            _work = WorkAsync(_work, kill, start);
        }
    }

    private async Task WorkAsync(Task previous, bool kill, bool start)
    {
        await previous.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            // What a dead runtime left behind goes before another starts.
            if (kill || (start && _startedBefore))
            {
                await KillAsync();
            }

            if (start)
            {
                await StartProcessAsync();
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or OperationCanceledException
            or TimeoutException or SandboxException or ObjectDisposedException)
        {
            LogWorkFailed(Id, e);
            _reusable = false;
            OnSandboxEnded();
        }
    }

    private async Task KillAsync()
    {
        Task exited;
        lock (_gate)
        {
            if (_processAlive)
            {
                _killed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            exited = _killed?.Task ?? Task.CompletedTask;
            _generation++;
        }

        using var limit = new CancellationTokenSource(ExitReportLimit, _services.Time);
        await _sandbox.KillProcessesAsync(limit.Token);
        await exited.WaitAsync(limit.Token);
        _connections.AbortAll();
    }

    private async Task StartProcessAsync()
    {
        lock (_gate)
        {
            if (_state.Runtime != RuntimeStage.Absent
                || _state.Phase is not (EnvironmentPhase.Starting or EnvironmentPhase.Init or EnvironmentPhase.Busy))
            {
                return;
            }

            Advance(EnvironmentCommand.ProcessStarted);
            _initError = null;
            _processAlive = true;
            _startedBefore = true;
            _processStartedAt = _services.Time.GetTimestamp();
            _throttled = false;
            if (_state.Phase == EnvironmentPhase.Init)
            {
                _deadline.Arm(InitLimit);
            }
        }

        _log.Platform(_lines.InitStart());
        _sandbox.LimitCpu(initialising: true);
        if (_start.Entrypoint is { } entrypoint)
        {
            await _sandbox.StartAsync(new ProcessSpec(FunctionPaths.Sandboxed.TaskRoot, entrypoint, _start.Variables), CancellationToken.None);
        }
        else
        {
            OnProcessExited(status: 0, errno: FileNotFound);
        }
    }

    private const int FileNotFound = 2;

    private async Task WatchAsync()
    {
        try
        {
            await foreach (var happened in _sandbox.Events.ReadAllAsync())
            {
                switch (happened)
                {
                    case SandboxEvent.MainExited exited:
                        OnProcessExited(exited.Status, errno: null);
                        break;
                    case SandboxEvent.StartFailed failed:
                        OnProcessExited(status: 0, failed.Errno);
                        break;
                    case SandboxEvent.Ended:
                        OnSandboxEnded();
                        return;
                }
            }
        }
        finally
        {
            OnSandboxEnded();
        }
    }

    private void OnProcessExited(int status, int? errno)
    {
        lock (_gate)
        {
            _processAlive = false;
            if (_state.IsOver)
            {
                _processGone.TrySetResult();
            }

            if (_killed is { } killed)
            {
                _killed = null;
                killed.TrySetResult();
                return;
            }
        }

        // Whatever it wrote comes before the lines about its end.
        _log.Drain(Output.EnvironmentLog.MaxInvocationBytes);
        var isOutOfMemory = status == -9 && _memory.Read(force: true, default).OutOfMemoryKills > 0;
        EnvironmentEffects effects;
        RunEnd end;
        lock (_gate)
        {
            _reusable &= !isOutOfMemory;
            end = DescribeExit(status, errno, isOutOfMemory);
            effects = Advance(EnvironmentCommand.ProcessExited);
            _deadline.Disarm();
            if (effects.HasFlag(EnvironmentEffects.StartProcess) && _run is { HasBegun: false } waiting)
            {
                Begin(waiting);
            }

            Perform(effects);
        }

        CompleteOutstanding(effects, end);
    }

    private RunEnd DescribeExit(int status, int? errno, bool isOutOfMemory)
    {
        var id = _run?.Id ?? "";
        var initialising = _state.Runtime is RuntimeStage.Initialising or RuntimeStage.Absent;
        if (_initError is { } posted && initialising)
        {
            return posted;
        }

        var error = errno switch
        {
            null when isOutOfMemory => RunErrors.OutOfMemory(id),
            null => RunErrors.Exited(id, status),
            // A wrapper that is not there ends as it does in a shell.
            _ when _start.IsWrapped => RunErrors.Exited(id, 127),
            { } number => RunErrors.InvalidEntrypoint(id, number, _start.Candidates),
        };
        var outcome = isOutOfMemory ? RunOutcome.OutOfMemory : initialising ? RunOutcome.InitFailed : RunOutcome.RuntimeExited;
        return new RunEnd(outcome, error.ToPayload(), error.Type, error.Message);
    }

    private void DeadlinePassed()
    {
        EnvironmentEffects effects;
        RunEnd end;
        lock (_gate)
        {
            if (_deadline.IsArmed)
            {
                // Armed again since: it was another run's.
                return;
            }

            end = _initError is { } posted && _state.Runtime == RuntimeStage.Initialising
                ? posted
                : TimedOut(_run?.Id ?? "");
            effects = Advance(EnvironmentCommand.DeadlinePassed);
            if (_state is { Phase: EnvironmentPhase.Busy, Runtime: RuntimeStage.Absent } && _run is { HasBegun: false } waiting)
            {
                Begin(waiting);
            }

            if (_frozen && effects.HasFlag(EnvironmentEffects.KillProcesses))
            {
                _sandbox.Thaw();
                _frozen = false;
            }

            Perform(effects);
        }

        CompleteOutstanding(effects, end, "timeout");
    }

    private RunEnd TimedOut(string id)
    {
        var error = RunErrors.TimedOut(id, Deployment.Timeout);
        return new RunEnd(RunOutcome.TimedOut, error.ToPayload(), error.Type);
    }

    private void OnSandboxEnded()
    {
        EnvironmentEffects effects;
        RunEnd end;
        lock (_gate)
        {
            end = DescribeExit(-9, errno: null, isOutOfMemory: _memory.Read(force: true, default).OutOfMemoryKills > 0);
            effects = Advance(EnvironmentCommand.SandboxEnded);
            _processAlive = false;
            _killed?.TrySetResult();
        }

        _processGone.TrySetResult();
        CompleteOutstanding(effects, end);
        _ended.TrySetResult();
    }

    /// <summary>Tells whoever waits for this environment; off the lock, for they go on in here.</summary>
    private void CompleteOutstanding(EnvironmentEffects effects, RunEnd end, string status = "error")
    {
        if (effects.HasFlag(EnvironmentEffects.EndInit))
        {
            lock (_gate)
            {
                EndInit(succeeded: false, status);
            }
        }

        if (effects.HasFlag(EnvironmentEffects.CompleteRun) && _run is { } run)
        {
            if (!run.HasBegun)
            {
                run.Begin(_services.Time, Deployment.Timeout);
            }

            run.Ended = _services.Time.GetTimestamp();
            run.End = end;
            _completion.Give(run);
        }
    }

    private void EndInit(bool succeeded, string status)
    {
        var duration = _services.Time.GetElapsedTime(_processStartedAt);
        if (!succeeded)
        {
            _log.Platform(_lines.InitReport(duration.TotalMilliseconds, "init", status));
        }

        if (!_initEnded.Task.IsCompleted)
        {
            (_initDuration, _initSucceeded) = (duration, succeeded);
            _initEnded.TrySetResult();
        }
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Warning, Message = "Environment {Id} could not start or end its processes")]
    private static partial void LogWorkFailed(ILogger log, string id, Exception exception);

    private void LogWorkFailed(string id, Exception exception) => LogWorkFailed(_services.Log, id, exception);
}
