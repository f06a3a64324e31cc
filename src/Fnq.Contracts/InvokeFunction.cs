namespace Fnq.Contracts;

/// <summary>
/// An asynchronous invocation that was accepted, on its way to its next attempt. It is never lost: it leaves the queues only
/// with an outcome record, or for the next one of them.
/// </summary>
public sealed record InvokeFunction
{
    /// <summary>The same on every attempt; also the key of the outcome record.</summary>
    public required Guid RequestId { get; init; }
    public required FunctionKey Function { get; init; }

    /// <summary>Version or alias as asked for; null when none was given.</summary>
    public string? Qualifier { get; init; }

    /// <summary>JSON as it came, byte for byte.</summary>
    public required byte[] Payload { get; init; }

    /// <summary>Decoded JSON, or null.</summary>
    public string? ClientContext { get; init; }
    public required string TraceId { get; init; }

    /// <summary>As in the invocation record.</summary>
    public required string Trigger { get; init; }
    public required DateTimeOffset AcceptedAt { get; init; }

    /// <summary>Attempts that ended in an error of the function: what the user's retries count.</summary>
    public int Failures { get; init; }

    /// <summary>Attempts that the platform could not make or lost, since the last error of the function: what the back-off counts.</summary>
    public int Refusals { get; init; }

    /// <summary>Runs that began, or may have begun.</summary>
    public int Runs { get; init; }
}
