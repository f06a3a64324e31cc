using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fnq.Functions.EventSources;

/// <summary>The body of Create and Update; null is "not given".</summary>
internal sealed record EventSourceRequest
{
    public string? EventSourceArn { get; init; }
    public string? FunctionName { get; init; }
    public bool? Enabled { get; init; }
    public int? BatchSize { get; init; }
    public int? MaximumBatchingWindowInSeconds { get; init; }
    public FilterCriteriaRequest? FilterCriteria { get; init; }
    public ScalingRequest? ScalingConfig { get; init; }
    public List<string>? FunctionResponseTypes { get; init; }
    public List<string>? Queues { get; init; }
    public List<SourceAccessRequest>? SourceAccessConfigurations { get; init; }
    public EventSourceDestinationRequest? DestinationConfig { get; init; }
    public Dictionary<string, string>? Tags { get; init; }

    /// <summary>Members of other kinds of event sources, and what nobody knows. Settable for the serializer only.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

internal sealed record FilterCriteriaRequest(List<FilterRequest>? Filters);

internal sealed record FilterRequest(string? Pattern);

internal sealed record ScalingRequest(int? MaximumConcurrency);

internal sealed record SourceAccessRequest(string? Type, string? URI);

internal sealed record EventSourceDestinationRequest(JsonElement? OnSuccess, JsonElement? OnFailure);
