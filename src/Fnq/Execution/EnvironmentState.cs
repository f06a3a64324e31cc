namespace Fnq.Execution;

internal enum EnvironmentPhase
{
    Starting,
    Init,

    /// <summary>Takes an invocation; the runtime may still be finishing the last one, or must be started again first.</summary>
    Ready,
    Busy,
    Draining,
    Stopped,
    Faulted,
}

/// <summary>What the runtime process is doing, as far as its Runtime API calls tell.</summary>
internal enum RuntimeStage
{
    /// <summary>No process: the next invocation starts one.</summary>
    Absent,
    Initialising,

    /// <summary>Reports that its initialisation failed, or has done so and is about to end.</summary>
    Failing,

    /// <summary>Waits in <c>next</c>.</summary>
    Idle,
    Running,

    /// <summary>Its answer is being read.</summary>
    Replying,

    /// <summary>Has answered and not yet asked for more.</summary>
    Settling,
}

internal enum EnvironmentCommand
{
    ProcessStarted,
    NextCalled,

    /// <summary>The connection that waited in <c>next</c> closed.</summary>
    NextAbandoned,
    InvokeRequested,
    ReplyBegun,

    /// <summary>The connection died in the middle of the answer: another may follow.</summary>
    ReplyBroken,
    ReplyEnded,
    InitErrorBegun,

    /// <summary>The connection died in the middle of the report.</summary>
    InitErrorBroken,
    DeadlinePassed,

    /// <summary>The main process ended, or could not be started. What else it started may still run.</summary>
    ProcessExited,
    DrainRequested,
    SandboxEnded,
}

[Flags]
internal enum EnvironmentEffects
{
    None = 0,

    /// <summary>Out of order, which is 403 for a Runtime API call. Nothing changes.</summary>
    Refuse = 1,

    /// <summary>Hold the <c>next</c> call until there is an event.</summary>
    ParkNext = 2,

    /// <summary>Hand the event to the call in <c>next</c>.</summary>
    Deliver = 4,
    EndInit = 8,
    CompleteRun = 16,
    KillProcesses = 32,
    StartProcess = 64,

    /// <summary>SIGTERM, patience, destruction.</summary>
    ShutDown = 128,
}

/// <summary>The life of an execution environment as a pure function: state and command in, next state and effects out.</summary>
internal readonly record struct EnvironmentState(EnvironmentPhase Phase, RuntimeStage Runtime)
{
    public static EnvironmentState Initial => new(EnvironmentPhase.Starting, RuntimeStage.Absent);

    public bool IsOver => Phase is EnvironmentPhase.Draining or EnvironmentPhase.Stopped or EnvironmentPhase.Faulted;

    public (EnvironmentState Next, EnvironmentEffects Effects) Apply(EnvironmentCommand command) => command switch
    {
        EnvironmentCommand.SandboxEnded => End(),
        EnvironmentCommand.DrainRequested => Drain(),
        _ when IsOver => (this, EnvironmentEffects.Refuse),
        EnvironmentCommand.ProcessStarted => StartProcess(),
        EnvironmentCommand.NextCalled => CallNext(),
        EnvironmentCommand.NextAbandoned => AbandonNext(),
        EnvironmentCommand.InvokeRequested => Invoke(),
        EnvironmentCommand.ReplyBegun => Only(RuntimeStage.Running, RuntimeStage.Replying),
        EnvironmentCommand.ReplyBroken => Only(RuntimeStage.Replying, RuntimeStage.Running),
        EnvironmentCommand.ReplyEnded => EndReply(),
        EnvironmentCommand.InitErrorBegun => Initialising(RuntimeStage.Initialising, RuntimeStage.Failing),
        EnvironmentCommand.InitErrorBroken => Initialising(RuntimeStage.Failing, RuntimeStage.Initialising),
        EnvironmentCommand.DeadlinePassed => PassDeadline(),
        EnvironmentCommand.ProcessExited => ExitProcess(),
        _ => throw new ArgumentOutOfRangeException(nameof(command), command, null),
    };

    private (EnvironmentState, EnvironmentEffects) StartProcess() => (Phase, Runtime) switch
    {
        (EnvironmentPhase.Starting or EnvironmentPhase.Init, RuntimeStage.Absent) => To(EnvironmentPhase.Init, RuntimeStage.Initialising),
        (EnvironmentPhase.Busy, RuntimeStage.Absent) => To(EnvironmentPhase.Busy, RuntimeStage.Initialising),
        _ => Refuse(),
    };

    private (EnvironmentState, EnvironmentEffects) CallNext() => (Phase, Runtime) switch
    {
        (EnvironmentPhase.Init, RuntimeStage.Initialising) =>
            To(EnvironmentPhase.Ready, RuntimeStage.Idle, EnvironmentEffects.ParkNext | EnvironmentEffects.EndInit),
        (EnvironmentPhase.Ready, RuntimeStage.Settling) => To(EnvironmentPhase.Ready, RuntimeStage.Idle, EnvironmentEffects.ParkNext),
        (EnvironmentPhase.Busy, RuntimeStage.Initialising or RuntimeStage.Settling) =>
            To(EnvironmentPhase.Busy, RuntimeStage.Running, EnvironmentEffects.Deliver),
        _ => Refuse(),
    };

    private (EnvironmentState, EnvironmentEffects) AbandonNext() =>
        Runtime == RuntimeStage.Idle ? To(Phase, RuntimeStage.Settling) : To(Phase, Runtime);

    private (EnvironmentState, EnvironmentEffects) Invoke() => (Phase, Runtime) switch
    {
        (EnvironmentPhase.Ready, RuntimeStage.Idle) => To(EnvironmentPhase.Busy, RuntimeStage.Running, EnvironmentEffects.Deliver),
        (EnvironmentPhase.Ready, RuntimeStage.Absent) => To(EnvironmentPhase.Busy, RuntimeStage.Absent, EnvironmentEffects.StartProcess),
        (EnvironmentPhase.Ready, RuntimeStage.Settling) => To(EnvironmentPhase.Busy, RuntimeStage.Settling),
        // Being initialised again after a timeout: as on AWS, the rest of it counts as part of the run.
        (EnvironmentPhase.Init, _) => To(EnvironmentPhase.Busy, Runtime),
        _ => Refuse(),
    };

    private (EnvironmentState, EnvironmentEffects) EndReply() =>
        (Phase, Runtime) == (EnvironmentPhase.Busy, RuntimeStage.Replying)
            ? To(EnvironmentPhase.Ready, RuntimeStage.Settling, EnvironmentEffects.CompleteRun)
            : Refuse();

    private (EnvironmentState, EnvironmentEffects) PassDeadline()
    {
        const EnvironmentEffects restart = EnvironmentEffects.KillProcesses | EnvironmentEffects.StartProcess;
        return (Phase, Runtime) switch
        {
            (EnvironmentPhase.Init, _) =>
                To(EnvironmentPhase.Ready, RuntimeStage.Absent, EnvironmentEffects.KillProcesses | EnvironmentEffects.EndInit),
            (EnvironmentPhase.Busy, RuntimeStage.Running or RuntimeStage.Replying) =>
                To(EnvironmentPhase.Init, RuntimeStage.Absent, restart | EnvironmentEffects.CompleteRun),
            // An init that hangs is not tried again until somebody asks: no hot loop.
            (EnvironmentPhase.Busy, RuntimeStage.Initialising or RuntimeStage.Failing or RuntimeStage.Absent) =>
                To(EnvironmentPhase.Ready, RuntimeStage.Absent, EnvironmentEffects.KillProcesses | EnvironmentEffects.CompleteRun),
            // The last run outlived its answer; the waiting one is not to blame.
            (EnvironmentPhase.Busy, RuntimeStage.Settling) => To(EnvironmentPhase.Busy, RuntimeStage.Absent, restart),
            (EnvironmentPhase.Ready, RuntimeStage.Settling) => To(EnvironmentPhase.Init, RuntimeStage.Absent, restart),
            _ => To(Phase, Runtime),
        };
    }

    /// <summary>Whatever it leaves behind ends with it: an orphan would run on, unfrozen, between invocations.</summary>
    private (EnvironmentState, EnvironmentEffects) ExitProcess()
    {
        const EnvironmentEffects kill = EnvironmentEffects.KillProcesses;
        return (Phase, Runtime) switch
        {
            (EnvironmentPhase.Init or EnvironmentPhase.Starting, _) =>
                To(EnvironmentPhase.Ready, RuntimeStage.Absent, EnvironmentEffects.EndInit | kill),
            (EnvironmentPhase.Busy, RuntimeStage.Settling) => To(EnvironmentPhase.Busy, RuntimeStage.Absent, EnvironmentEffects.StartProcess | kill),
            (EnvironmentPhase.Busy, _) => To(EnvironmentPhase.Ready, RuntimeStage.Absent, EnvironmentEffects.CompleteRun | kill),
            _ => To(Phase, RuntimeStage.Absent, kill),
        };
    }

    private (EnvironmentState, EnvironmentEffects) Drain() => IsOver
        ? To(Phase, Runtime)
        : To(EnvironmentPhase.Draining, Runtime, Outstanding | EnvironmentEffects.ShutDown);

    private (EnvironmentState, EnvironmentEffects) End() => Phase switch
    {
        EnvironmentPhase.Stopped or EnvironmentPhase.Faulted => To(Phase, RuntimeStage.Absent),
        EnvironmentPhase.Draining => To(EnvironmentPhase.Stopped, RuntimeStage.Absent),
        _ => To(EnvironmentPhase.Faulted, RuntimeStage.Absent, Outstanding),
    };

    /// <summary>Who still waits for this environment and must hear of its end.</summary>
    private EnvironmentEffects Outstanding => Phase switch
    {
        EnvironmentPhase.Busy => EnvironmentEffects.CompleteRun,
        EnvironmentPhase.Starting or EnvironmentPhase.Init => EnvironmentEffects.EndInit,
        _ => EnvironmentEffects.None,
    };

    private (EnvironmentState, EnvironmentEffects) Only(RuntimeStage from, RuntimeStage to) =>
        Phase == EnvironmentPhase.Busy && Runtime == from ? To(Phase, to) : Refuse();

    private (EnvironmentState, EnvironmentEffects) Initialising(RuntimeStage from, RuntimeStage to) =>
        Phase is EnvironmentPhase.Init or EnvironmentPhase.Busy && Runtime == from ? To(Phase, to) : Refuse();

    private (EnvironmentState, EnvironmentEffects) Refuse() => (this, EnvironmentEffects.Refuse);

    private static (EnvironmentState, EnvironmentEffects) To(
        EnvironmentPhase phase, RuntimeStage runtime, EnvironmentEffects effects = EnvironmentEffects.None) => (new(phase, runtime), effects);
}
