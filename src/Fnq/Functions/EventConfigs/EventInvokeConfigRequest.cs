namespace Fnq.Functions.EventConfigs;

/// <summary>The body of Put and Update; null is "not given".</summary>
internal sealed record EventInvokeConfigRequest
{
    public int? MaximumRetryAttempts { get; init; }
    public int? MaximumEventAgeInSeconds { get; init; }
    public DestinationConfigRequest? DestinationConfig { get; init; }
}

internal sealed record DestinationConfigRequest(DestinationRequest? OnSuccess, DestinationRequest? OnFailure);

internal sealed record DestinationRequest(string? Destination)
{
    /// <summary>An empty destination is none.</summary>
    public static string? Of(DestinationRequest? request) => request?.Destination is { Length: > 0 } given ? given : null;
}
