namespace Fnq.Functions;

/// <summary>Request and defaults, or request and what is there, to the configuration that results.</summary>
internal static class ConfigurationMerge
{
    public static FunctionSpec Create(CreateFunctionRequest request, string function) => Update(
        new FunctionSpec
        {
            Runtime = request.Runtime!,
            Handler = request.Handler!,
            Role = request.Role!,
            Architecture = request.Architectures is [var architecture] ? architecture : "x86_64",
            Logging = LoggingSpec.Default(function),
        },
        request, function);

    /// <summary>Only what is given changes; empty values clear.</summary>
    public static FunctionSpec Update(FunctionSpec spec, ConfigurationRequest request, string function) => spec with
    {
        Runtime = string.IsNullOrEmpty(request.Runtime) ? spec.Runtime : request.Runtime,
        Handler = string.IsNullOrEmpty(request.Handler) ? spec.Handler : request.Handler,
        Role = request.Role ?? spec.Role,
        Description = request.Description ?? spec.Description,
        TimeoutSeconds = request.Timeout ?? spec.TimeoutSeconds,
        MemorySizeMb = request.MemorySize ?? spec.MemorySizeMb,
        Environment = request.Environment is { } environment ? environment.Variables ?? [] : spec.Environment,
        KmsKeyArn = Clearable(request.KMSKeyArn, spec.KmsKeyArn),
        TracingMode = request.TracingConfig?.Mode ?? spec.TracingMode,
        Vpc = request.VpcConfig is { } vpc
            ? new(vpc.SubnetIds ?? [], vpc.SecurityGroupIds ?? [], vpc.Ipv6AllowedForDualStack ?? false)
            : spec.Vpc,
        DeadLetterTargetArn = Clearable(request.DeadLetterConfig?.TargetArn, spec.DeadLetterTargetArn),
        EphemeralStorageMb = request.EphemeralStorage?.Size ?? spec.EphemeralStorageMb,
        SnapStart = request.SnapStart?.ApplyOn ?? spec.SnapStart,
        Logging = request.LoggingConfig is { } logging ? Merge(spec.Logging, logging, function) : spec.Logging,
    };

    private static string? Clearable(string? given, string? current) => given switch
    {
        null => current,
        "" => null,
        _ => given,
    };

    private static LoggingSpec Merge(LoggingSpec current, LoggingRequest given, string function)
    {
        var format = given.LogFormat ?? current.LogFormat;
        var group = given.LogGroup ?? current.LogGroup ?? LoggingSpec.Default(function).LogGroup;
        if (format == "JSON")
        {
            return new(format, group, given.ApplicationLogLevel ?? current.ApplicationLogLevel ?? "INFO", given.SystemLogLevel ?? current.SystemLogLevel ?? "INFO");
        }

        if (given.ApplicationLogLevel is not null || given.SystemLogLevel is not null)
        {
            throw FunctionErrors.InvalidParameter("ApplicationLogLevel and SystemLogLevel are only supported with the JSON LogFormat.");
        }

        return new(format, group, null, null);
    }
}
