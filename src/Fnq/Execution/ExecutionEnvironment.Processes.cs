using Fnq.Contracts;
using Fnq.Execution.RuntimeApi;
using Fnq.Execution.Sandboxes;

namespace Fnq.Execution;

/// <summary>What happens to the processes: start, kill, end, and what their end means.</summary>
internal sealed partial class ExecutionEnvironment
{
    private const int FileNotFound = 2;
    private static readonly TimeSpan ExitReportLimit = TimeSpan.FromSeconds(5);
    private TaskCompletionSource? _killed;
    private Task _work = Task.CompletedTask;
    private RunEnd? _initError;
    private bool _processAlive;
    private bool _mayHaveProcesses;
    private long _processStartedAt;
    private volatile int _generation;

    int IRuntimeApiSession.Generation => _generation;

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
            if (_mayHaveProcesses)
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
        _mayHaveProcesses = false;
        _connections.AbortAll();
    }

    private async Task StartProcessAsync()
    {
        lock (_gate)
        {
            if (Advance(EnvironmentCommand.ProcessStarted).HasFlag(EnvironmentEffects.Refuse))
            {
                return;
            }

            _initError = null;
            _processAlive = true;
            _processStartedAt = _services.Time.GetTimestamp();
            _throttled = false;
            if (_state.Phase == EnvironmentPhase.Init)
            {
                _deadline.Arm(InitLimit);
            }
        }

        if (_backoff.Ask() is { } held)
        {
            _log.Platform(_lines.InitHeld(held.Left));
            if (!IsProcessGone())
            {
                EndProcess(held.Last);
            }

            return;
        }

        _log.Platform(_lines.InitStart());
        _sandbox.LimitCpu(initialising: true);
        if (_start.Entrypoint is { } entrypoint)
        {
            _mayHaveProcesses = true;
            await _sandbox.StartAsync(new ProcessSpec(FunctionPaths.Sandboxed.TaskRoot, entrypoint, _start.Variables), CancellationToken.None);
        }
        else
        {
            OnProcessExited(status: 0, errno: FileNotFound);
        }
    }

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
        if (IsProcessGone())
        {
            return;
        }

        // Whatever it wrote comes before the lines about its end.
        _log.Drain(Output.EnvironmentLog.MaxInvocationBytes);
        var isOutOfMemory = status == -9 && _memory.Read(force: true, default).OutOfMemoryKills > 0;
        ProcessEnd end;
        bool initialising;
        lock (_gate)
        {
            _reusable &= !isOutOfMemory;
            initialising = IsInitialising;
            end = new ProcessEnd(status, errno, isOutOfMemory, initialising ? _initError : null);
        }

        if (initialising)
        {
            _backoff.Failed(end);
        }

        EndProcess(end);
    }

    private bool IsInitialising => _state.Runtime is RuntimeStage.Initialising or RuntimeStage.Failing or RuntimeStage.Absent;

    /// <summary>True: it was killed, and what that means has been seen to.</summary>
    private bool IsProcessGone()
    {
        lock (_gate)
        {
            _processAlive = false;
            if (_state.IsOver)
            {
                _processGone.TrySetResult();
            }

            var killed = _killed;
            _killed = null;
            killed?.TrySetResult();
            return killed is not null;
        }
    }

    private void EndProcess(ProcessEnd process)
    {
        EnvironmentEffects effects;
        RunEnd end;
        lock (_gate)
        {
            end = DescribeExit(process);
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

    private RunEnd DescribeExit(ProcessEnd process)
    {
        var id = _run?.Id ?? "";
        if (process.Posted is { } posted && IsInitialising)
        {
            return posted;
        }

        var error = process.Errno switch
        {
            null when process.IsOutOfMemory => RunErrors.OutOfMemory(id),
            null => RunErrors.Exited(id, process.Status),
            // A wrapper that is not there ends as it does in a shell.
            _ when _start.IsWrapped => RunErrors.Exited(id, 127),
            { } number => RunErrors.InvalidEntrypoint(id, number, _start.Candidates),
        };
        var outcome = process.IsOutOfMemory ? RunOutcome.OutOfMemory : IsInitialising ? RunOutcome.InitFailed : RunOutcome.RuntimeExited;
        return new RunEnd(outcome, error.ToPayload(), error.Type, error.Message);
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Warning, Message = "Environment {Id} could not start or end its processes")]
    private static partial void LogWorkFailed(ILogger log, string id, Exception exception);

    private void LogWorkFailed(string id, Exception exception) => LogWorkFailed(_services.Log, id, exception);
}
