using Fnq.Contracts;
using Fnq.Execution.RuntimeApi;
using Fnq.Execution.Sandboxes;

namespace Fnq.Execution;

/// <summary>The beginning, the deadlines and the end of its life.</summary>
internal sealed partial class ExecutionEnvironment
{
    private readonly TaskCompletionSource _initEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _processGone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TimeSpan _initDuration;
    private bool _initSucceeded;
    private long _output;
    private int _disposed;

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

            end = _initError is { } posted && _state.Runtime == RuntimeStage.Failing
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
            end = DescribeExit(new ProcessEnd(-9, null, IsOutOfMemory: _memory.Read(force: true, default).OutOfMemoryKills > 0, _initError));
            effects = Advance(EnvironmentCommand.SandboxEnded);
            _processAlive = false;
            _killed?.TrySetResult();
        }

        _processGone.TrySetResult();
        CompleteOutstanding(effects, end);
        _ended.TrySetResult();
        _spent.TrySetResult();
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
}
