namespace Fnq.Functions;

/// <summary>A function's configuration with its defaults filled in, as it is stored with every version.</summary>
internal sealed record FunctionSpec
{
    public required string Runtime { get; init; }
    public required string Handler { get; init; }
    public required string Role { get; init; }
    public string Description { get; init; } = "";
    public int TimeoutSeconds { get; init; } = 3;
    public int MemorySizeMb { get; init; } = 128;
    public string Architecture { get; init; } = "x86_64";

    /// <summary>Secret. Null until given: the answer then has no Environment at all.</summary>
    public Dictionary<string, string>? Environment { get; init; }
    public string? KmsKeyArn { get; init; }
    public string TracingMode { get; init; } = "PassThrough";
    public VpcSpec? Vpc { get; init; }
    public string? DeadLetterTargetArn { get; init; }
    public int EphemeralStorageMb { get; init; } = 512;
    public string SnapStart { get; init; } = "None";
    public required LoggingSpec Logging { get; init; }

    /// <summary>Not a printout: environment variables are secrets.</summary>
    public override string ToString() => nameof(FunctionSpec);
}

internal sealed record VpcSpec(List<string> SubnetIds, List<string> SecurityGroupIds, bool Ipv6AllowedForDualStack);

internal sealed record LoggingSpec(string LogFormat, string LogGroup, string? ApplicationLogLevel, string? SystemLogLevel)
{
    public static LoggingSpec Default(string function) => new("Text", $"/aws/lambda/{function}", null, null);
}

internal static class FunctionState
{
    public const string Pending = "Pending";
    public const string Active = "Active";
    public const string Failed = "Failed";
}

internal static class UpdateStatus
{
    public const string InProgress = "InProgress";
    public const string Successful = "Successful";
    public const string Failed = "Failed";
}
