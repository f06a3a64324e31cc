using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Execution.RuntimeApi;

namespace Fnq.Execution;

/// <summary>How a run ended, before it is written down.</summary>
/// <param name="ErrorText">For the log, of a runtime that ended.</param>
internal readonly record struct RunEnd(RunOutcome Outcome, ReadOnlyMemory<byte> Payload, string? ErrorType = null, string? ErrorText = null)
{
    /// <summary>REPORT names the status of runs that the platform ended or that took the runtime with them.</summary>
    public string? Status => Outcome switch
    {
        RunOutcome.Succeeded or RunOutcome.FunctionError => null,
        RunOutcome.TimedOut => "timeout",
        _ => "error",
    };
}

/// <summary>The run that an environment is at.</summary>
internal sealed class EnvironmentRun(InvocationRequest request, DateTimeOffset acceptedAt)
{
    public InvocationRequest Request => request;

    public RuntimeApiRun Api { get; } = new()
    {
        RequestId = request.RequestId.ToString(),
        InvokedFunctionArn = request.InvokedFunctionArn,
        TraceId = request.TraceId,
        ClientContext = request.ClientContext,
        Event = request.Payload.IsEmpty ? "{}"u8.ToArray() : request.Payload,
    };

    public string Id => Api.RequestId;

    public DateTimeOffset StartedAt { get; private set; } = acceptedAt;

    /// <summary>Timestamps of the time provider; the run has begun when the first is set.</summary>
    public long Began { get; private set; }
    public long Ended { get; set; }
    public RunEnd End { get; set; }

    public bool HasBegun => Began != 0;

    /// <summary>An idle environment does not hold on to the megabytes of its last run.</summary>
    public void LetGo()
    {
        Api.Event = default;
        End = default;
    }

    public void Begin(TimeProvider time, TimeSpan timeout)
    {
        Began = time.GetTimestamp();
        StartedAt = time.GetUtcNow();
        Api.DeadlineUnixMilliseconds = (StartedAt + timeout).ToUnixTimeMilliseconds();
    }
}
