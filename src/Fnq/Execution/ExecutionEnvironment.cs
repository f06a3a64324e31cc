using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Execution.Output;
using Fnq.Execution.RuntimeApi;
using Fnq.Execution.Sandboxes;

namespace Fnq.Execution;

/// <summary>
/// An isolated place that runs one deployment, one invocation at a time. This part is what its owner calls; the others
/// are what the runtime calls and what happens to the processes. <see cref="EnvironmentState"/> decides, these act.
/// </summary>
internal sealed partial class ExecutionEnvironment : IAsyncDisposable
{
    public static readonly TimeSpan InitLimit = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan ShutdownLimit = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly EnvironmentServices _services;
    private readonly ISandbox _sandbox;
    private readonly RuntimeStart _start;
    private readonly EnvironmentLog _log;
    private readonly PlatformLines _lines;
    private readonly RuntimeApiConnections _connections;
    private readonly DeadlineTimer _deadline;
    private readonly MemoryWatch _memory;
    private readonly Rendezvous<EnvironmentRun> _completion = new();
    private readonly TaskCompletionSource _spent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly InitBackoff _backoff;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EnvironmentState _state = EnvironmentState.Initial;
    private EnvironmentRun? _run;
    private int _invoking;
    private bool _frozen;
    private bool _throttled;
    private bool _first = true;
    private volatile bool _reusable = true;

    internal ExecutionEnvironment(
        string id, Deployment deployment, ISandbox sandbox, RuntimeStart start, InitBackoff backoff, EnvironmentLog log, EnvironmentServices services)
    {
        (Id, Deployment, _sandbox, _start, _backoff, _log, _services) = (id, deployment, sandbox, start, backoff, log, services);
        _lines = new PlatformLines(deployment, start.Runtime, services.Time);
        _connections = new RuntimeApiConnections(ConnectionClosed, services.RuntimeApi.Limits, services.Time);
        _deadline = new DeadlineTimer(services.Time, DeadlinePassed);
        _memory = new MemoryWatch(sandbox, services.Time);
        _services.Meters.PhaseChanged(null, _state.Phase);
    }

    public string Id { get; }

    public Deployment Deployment { get; }

    public EnvironmentPhase Phase
    {
        get
        {
            lock (_gate)
            {
                return _state.Phase;
            }
        }
    }

    /// <summary>False: to be retired after this run.</summary>
    public bool IsReusable
    {
        get
        {
            lock (_gate)
            {
                return _reusable && !_state.IsOver;
            }
        }
    }

    /// <summary>From the order to start until Ready.</summary>
    public TimeSpan ColdStart { get; private set; }

    /// <summary>MiB, as of the last run; what other environments of the deployment are expected to use.</summary>
    public int PeakMemoryMb { get; private set; }

    /// <summary>Completes when nothing shall run here any more, though it may still be idle in its pool.</summary>
    public Task Spent => _spent.Task;

    /// <summary>Completes when the sandbox is gone, whoever ended it.</summary>
    public Task Ended => _ended.Task;

    /// <summary>
    /// Runs the request and journals its record before it returns. A run that has begun is not cancelled: its function's
    /// timeout bounds it.
    /// </summary>
    /// <exception cref="EnvironmentGoneException">The run has not begun and never will here.</exception>
    public async ValueTask<InvocationResult> InvokeAsync(InvocationRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Interlocked.Exchange(ref _invoking, 1) != 0)
        {
            throw new InvalidOperationException("An environment serves one invocation at a time");
        }

        try
        {
            var now = _services.Time.GetUtcNow();
            if (request.StartDeadline < now)
            {
                return InvocationResult.Of(DispatchStatus.Expired);
            }

            if (!_services.Journal.HasRoom)
            {
                return InvocationResult.Of(DispatchStatus.Unavailable);
            }

            Thaw();
            var run = new EnvironmentRun(request, now);
            _log.Begin(request.WantsLogTail);
            _log.Platform(_lines.Start(run.Id));
            return await FinishAsync(await Hand(run));
        }
        finally
        {
            Volatile.Write(ref _invoking, 0);
        }
    }

    /// <summary>Stops everything of the function until <see cref="Thaw"/> or the next invocation. False: not now, ask again.</summary>
    public bool Freeze()
    {
        lock (_gate)
        {
            // A runtime that still works on the end of its last run is let finish.
            if (!_frozen && _state is { Phase: EnvironmentPhase.Ready, Runtime: RuntimeStage.Idle })
            {
                _sandbox.Freeze();
                _frozen = true;
            }

            return _frozen;
        }
    }

    public void Thaw()
    {
        lock (_gate)
        {
            if (_frozen)
            {
                _sandbox.Thaw();
                _frozen = false;
            }
        }
    }

    private ValueTask<EnvironmentRun> Hand(EnvironmentRun run)
    {
        ValueTask<EnvironmentRun> completion;
        RuntimeApiConnection? deliverTo = null;
        lock (_gate)
        {
            var effects = Advance(EnvironmentCommand.InvokeRequested);
            if (effects.HasFlag(EnvironmentEffects.Refuse))
            {
                throw new EnvironmentGoneException(Id);
            }

            completion = _completion.Begin();
            _run = run;
            _abandonedNexts = 0;
            if (effects.HasFlag(EnvironmentEffects.Deliver))
            {
                deliverTo = TakeParked();
                Begin(run);
            }
            else if (_state.Runtime != RuntimeStage.Settling)
            {
                // Initialisation is part of this run and of its time.
                Begin(run);
                Perform(effects);
            }
            else if (!_deadline.IsArmed)
            {
                _deadline.Arm(Deployment.Timeout);
            }
        }

        deliverTo?.Next.Give(run.Api);
        return completion;
    }

    private void Begin(EnvironmentRun run)
    {
        if (!run.HasBegun)
        {
            run.Begin(_services.Time, Deployment.Timeout);
            _deadline.Arm(Deployment.Timeout);
        }

        if (!_throttled && _state.Runtime == RuntimeStage.Running)
        {
            _sandbox.LimitCpu(initialising: false);
            _throttled = true;
        }
    }

    private async ValueTask<InvocationResult> FinishAsync(EnvironmentRun run)
    {
        var end = run.End;
        var time = _services.Time;
        var duration = time.GetElapsedTime(run.Began, run.Ended);
        if (end.Outcome == RunOutcome.TimedOut && duration > Deployment.Timeout)
        {
            duration = Deployment.Timeout;
        }

        var init = _first && _initSucceeded ? _initDuration.TotalMilliseconds : 0;
        _first = false;
        var usage = _memory.Read(force: end.Outcome is not RunOutcome.Succeeded, duration);
        if (usage.OutOfMemoryKills > 0)
        {
            // A child was killed and the runtime lives: this answer counts, but no other shall come from here.
            _reusable = false;
        }

        var peak = (int)((usage.PeakMemoryBytes + 1024 * 1024 - 1) / (1024 * 1024));
        var report = new RunReport(
            run.Id,
            duration.TotalMilliseconds,
            end.Outcome == RunOutcome.PlatformLost ? 0 : (long)Math.Ceiling(init + duration.TotalMilliseconds),
            Deployment.MemorySizeMb,
            Math.Min(peak, Deployment.MemorySizeMb), // The sandbox has a little more for the platform's own: not the function's.
            init > 0 ? init : null,
            end.Status,
            end.Status == "error" ? end.ErrorType : null);
        PeakMemoryMb = peak;
        WriteEnd(run, end, report);
        var tail = run.Request.WantsLogTail ? _log.TakeTail() : [];
        _services.Meters.Ran(duration, end.Outcome);
        if (run.Request.AcceptedAt is { } accepted)
        {
            _services.Meters.Waited(run.StartedAt - accepted);
        }

        await _services.Journal.AppendAsync(Record(run, end, report));
        run.LetGo();
        return new InvocationResult
        {
            Status = end.Outcome == RunOutcome.PlatformLost ? DispatchStatus.PlatformLost : DispatchStatus.Completed,
            Outcome = end.Outcome,
            Payload = end.Payload,
            IsFunctionError = end.Outcome != RunOutcome.Succeeded,
            ExecutedVersion = Deployment.Version,
            LogTail = tail,
        };
    }

    private void WriteEnd(EnvironmentRun run, RunEnd end, RunReport report)
    {
        _log.Drain(EnvironmentLog.MaxInvocationBytes);
        switch (end.Outcome)
        {
            case RunOutcome.TimedOut:
                _log.Platform(_lines.TimedOut(run.Id));
                break;
            case RunOutcome.RuntimeExited or RunOutcome.OutOfMemory when end.ErrorText is { } text:
                _log.Platform(text);
                _log.Platform(end.ErrorType ?? "");
                break;
        }

        _log.Platform(_lines.End(report));
        _log.Platform(_lines.Report(report));
    }

    private InvocationRecord Record(EnvironmentRun run, RunEnd end, RunReport report) => new()
    {
        RunId = run.Request.RunId,
        RequestId = run.Request.RequestId,
        Function = Deployment.Function,
        Version = Deployment.Version,
        Deployment = Deployment.Id,
        Architecture = Deployment.Architecture,
        Trigger = run.Request.Trigger,
        Attempt = run.Request.Attempt,
        Delivery = run.Request.Delivery,
        MemorySizeMb = Deployment.MemorySizeMb,
        EphemeralStorageMb = Deployment.EphemeralStorageMb,
        BilledMilliseconds = report.BilledMilliseconds,
        DurationMilliseconds = report.DurationMilliseconds,
        InitMilliseconds = report.InitMilliseconds ?? 0,
        PeakMemoryMb = report.PeakMemoryMb,
        Outcome = end.Outcome,
        Worker = _services.Worker,
        Environment = Id,
        StartedAt = run.StartedAt,
    };
}
