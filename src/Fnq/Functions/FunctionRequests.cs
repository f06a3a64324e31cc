using System.Text.Json;

namespace Fnq.Functions;

/// <summary>The members that CreateFunction and UpdateFunctionConfiguration have in common; null is "not given".</summary>
internal abstract record ConfigurationRequest
{
    public string? Runtime { get; init; }
    public string? Role { get; init; }
    public string? Handler { get; init; }
    public string? Description { get; init; }
    public int? Timeout { get; init; }
    public int? MemorySize { get; init; }
    public VpcRequest? VpcConfig { get; init; }
    public DeadLetterRequest? DeadLetterConfig { get; init; }
    public EnvironmentRequest? Environment { get; init; }
    public string? KMSKeyArn { get; init; }
    public TracingRequest? TracingConfig { get; init; }
    public List<string>? Layers { get; init; }
    public EphemeralStorageRequest? EphemeralStorage { get; init; }
    public SnapStartRequest? SnapStart { get; init; }
    public LoggingRequest? LoggingConfig { get; init; }

    // Known to AWS, not to Fnq: refused when they ask for something.
    public List<JsonElement>? FileSystemConfigs { get; init; }
    public JsonElement? ImageConfig { get; init; }
    public JsonElement? CapacityProviderConfig { get; init; }
    public JsonElement? DurableConfig { get; init; }
    public JsonElement? TenancyConfig { get; init; }

    public sealed override string ToString() => GetType().Name;
}

internal sealed record CreateFunctionRequest : ConfigurationRequest
{
    public string? FunctionName { get; init; }
    public CodeRequest? Code { get; init; }
    public bool? Publish { get; init; }
    public string? PackageType { get; init; }
    public Dictionary<string, string>? Tags { get; init; }
    public List<string>? Architectures { get; init; }
    public string? CodeSigningConfigArn { get; init; }
}

internal sealed record UpdateConfigurationRequest : ConfigurationRequest
{
    public string? RevisionId { get; init; }
}

internal record CodeRequest
{
    public byte[]? ZipFile { get; init; }
    public string? S3Bucket { get; init; }
    public string? S3Key { get; init; }
    public string? S3ObjectVersion { get; init; }
    public string? ImageUri { get; init; }
}

internal sealed record UpdateCodeRequest : CodeRequest
{
    public bool? Publish { get; init; }
    public bool? DryRun { get; init; }
    public string? RevisionId { get; init; }
    public List<string>? Architectures { get; init; }
}

internal sealed record VpcRequest(List<string>? SubnetIds, List<string>? SecurityGroupIds, bool? Ipv6AllowedForDualStack);

internal sealed record DeadLetterRequest(string? TargetArn);

internal sealed record EnvironmentRequest(Dictionary<string, string>? Variables);

internal sealed record TracingRequest(string? Mode);

internal sealed record EphemeralStorageRequest(int? Size);

internal sealed record SnapStartRequest(string? ApplyOn);

internal sealed record LoggingRequest(string? LogFormat, string? ApplicationLogLevel, string? SystemLogLevel, string? LogGroup);

internal sealed record TagRequest(Dictionary<string, string>? Tags);
