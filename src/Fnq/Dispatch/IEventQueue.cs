using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>Takes asynchronous invocations. Implemented by Invocations.</summary>
public interface IEventQueue
{
    /// <summary>Returns when the event is durable on the broker.</summary>
    /// <param name="invocation">Not sent before.</param>
    /// <param name="timeout">Of the function: long runs have queues of their own.</param>
    /// <param name="cancellationToken">Gives up waiting; the event may be accepted all the same.</param>
    /// <exception cref="EventNotAcceptedException">Not confirmed in time: whether it was accepted is unknown.</exception>
    Task AcceptAsync(InvokeFunction invocation, TimeSpan timeout, CancellationToken cancellationToken);
}

public sealed class EventNotAcceptedException(string message, Exception inner) : Exception(message, inner);

/// <summary>Whom an event is for, as of now. Implemented by Functions.</summary>
public interface IEventTargets
{
    /// <summary>Null when there is no such function or version any more.</summary>
    ValueTask<EventTarget?> FindAsync(FunctionKey function, string? qualifier, CancellationToken cancellationToken);
}

/// <summary>What an event runs, and what becomes of it afterwards.</summary>
public sealed record EventTarget
{
    public required DeploymentId Deployment { get; init; }

    /// <summary>As asked for, with the qualifier if there was one.</summary>
    public required string InvokedFunctionArn { get; init; }

    /// <summary>Always with a qualifier: what destination records name.</summary>
    public required string QualifiedArn { get; init; }

    /// <summary>False while it is being created, or when that failed.</summary>
    public required bool IsActive { get; init; }
    public required TimeSpan Timeout { get; init; }

    /// <summary>AWS's defaults: two more attempts, within six hours.</summary>
    public int RetriesMax { get; init; } = 2;
    public TimeSpan AgeMax { get; init; } = TimeSpan.FromHours(6);
    public EventDestination? OnSuccess { get; init; }
    public EventDestination? OnFailure { get; init; }
    public EventDestination? DeadLetter { get; init; }
}
