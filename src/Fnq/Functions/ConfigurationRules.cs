using System.Text.Json;
using System.Text.RegularExpressions;
using Fnq.AwsApi;
using Fnq.Dispatch;

namespace Fnq.Functions;

/// <summary>The rules of a configuration request, pure: every broken constraint in one answer, then what depends on more than one member.</summary>
internal static partial class ConfigurationRules
{
    private const string RolePattern = @"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";
    private const string ArnPattern = "(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()";
    private const string HandlerPattern = @"[^\s]+";
    private const string LogGroupPattern = @"[\.\-_/#A-Za-z0-9]+";

    public static void Check(CreateFunctionRequest request)
    {
        var constraints = new Constraints()
            .NotNull("functionName", request.FunctionName)
            .NotNull("role", request.Role)
            .NotNull("code", request.Code)
            .OneOf("packageType", request.PackageType, "Zip", "Image")
            .Tags(request.Tags);
        Architectures(constraints, request.Architectures);
        Shared(constraints, request).ThrowIfAny();
        ThrowFirst(Dependent(request), TagRules.Check(request.Tags));
        if (request.PackageType == "Image")
        {
            throw FunctionErrors.NotInFnq("Functions of package type Image are");
        }

        if (request.CodeSigningConfigArn is { Length: > 0 } signing)
        {
            throw new AwsException(404, "CodeSigningConfigNotFoundException", $"The code signing configuration cannot be found: {signing}");
        }

        if (string.IsNullOrEmpty(request.Runtime) || string.IsNullOrEmpty(request.Handler))
        {
            throw FunctionErrors.InvalidParameter(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.");
        }
    }

    public static void Check(UpdateConfigurationRequest request)
    {
        Shared(new Constraints(), request).ThrowIfAny();
        ThrowFirst(Dependent(request));
    }

    public static Constraints Architectures(Constraints constraints, List<string>? architectures) => constraints
        .Count("architectures", architectures, 1, 1)
        .Each("architectures", architectures, value => value is "x86_64" or "arm64", "Member must satisfy enum value set: [x86_64, arm64]");

    private static Constraints Shared(Constraints constraints, ConfigurationRequest request) => constraints
        .Pattern("role", request.Role, Role(), RolePattern)
        .Length("handler", request.Handler, 0, 128)
        .Pattern("handler", request.Handler is "" ? null : request.Handler, Handler(), HandlerPattern)
        .Length("description", request.Description, 0, 256)
        .Range("timeout", request.Timeout, 1, 900)
        .Range("memorySize", request.MemorySize, 128, 10_240)
        .Range("ephemeralStorage.size", request.EphemeralStorage?.Size, 512, 10_240)
        .NotNull("ephemeralStorage.size", request.EphemeralStorage is null ? "" : request.EphemeralStorage.Size)
        .Count("vpcConfig.subnetIds", request.VpcConfig?.SubnetIds, 0, 16)
        .Count("vpcConfig.securityGroupIds", request.VpcConfig?.SecurityGroupIds, 0, 5)
        .Pattern("deadLetterConfig.targetArn", request.DeadLetterConfig?.TargetArn, Arn(), ArnPattern)
        .Pattern("kMSKeyArn", request.KMSKeyArn, Arn(), ArnPattern)
        .OneOf("tracingConfig.mode", request.TracingConfig?.Mode, "Active", "PassThrough")
        .OneOf("snapStart.applyOn", request.SnapStart?.ApplyOn, "PublishedVersions", "None")
        .OneOf("loggingConfig.logFormat", request.LoggingConfig?.LogFormat, "JSON", "Text")
        .OneOf("loggingConfig.applicationLogLevel", request.LoggingConfig?.ApplicationLogLevel, "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
        .OneOf("loggingConfig.systemLogLevel", request.LoggingConfig?.SystemLogLevel, "DEBUG", "INFO", "WARN")
        .Length("loggingConfig.logGroup", request.LoggingConfig?.LogGroup, 1, 512)
        .Pattern("loggingConfig.logGroup", request.LoggingConfig?.LogGroup, LogGroup(), LogGroupPattern)
        .Keys(
            "environment.variables", WithoutReserved(request), EnvironmentRules.IsName,
            $"Member must satisfy regular expression pattern: {EnvironmentRules.NamePattern}", isSecret: true)
        .Values("environment.variables", request.Environment?.Variables, value => !value.Contains('\0'), "Member must not be null or contain NUL", isSecret: true);

    /// <summary>Reserved names break the pattern too, but have words of their own.</summary>
    private static Dictionary<string, string>? WithoutReserved(ConfigurationRequest request) =>
        EnvironmentRules.CheckReserved(request.Environment?.Variables) is null ? request.Environment?.Variables : null;

    private static AwsException? Dependent(ConfigurationRequest request) =>
        Runtimes.Check(request.Runtime is "" ? null : request.Runtime)
        ?? EnvironmentRules.CheckReserved(request.Environment?.Variables)
        ?? EnvironmentRules.CheckSize(request.Environment?.Variables)
        ?? Layers(request.Layers)
        ?? DeadLetter(request.DeadLetterConfig?.TargetArn)
        ?? Unavailable(request);

    private static AwsException? Layers(List<string>? layers) => layers switch
    {
        null or [] => null,
        { Count: > 5 } => FunctionErrors.InvalidParameter("Cannot reference more than 5 layers."),
        [var first, ..] => FunctionErrors.InvalidParameter($"Layer version {first} does not exist."),
    };

    private static AwsException? DeadLetter(string? target) =>
        string.IsNullOrEmpty(target) || EventDestination.Parse(target) is QueueDestination or TopicDestination
            ? null
            : FunctionErrors.InvalidParameter("The DeadLetterConfig TargetArn must be an SQS queue or SNS topic ARN.");

    private static AwsException? Unavailable(ConfigurationRequest request) =>
        request.FileSystemConfigs is { Count: > 0 } ? FunctionErrors.NotInFnq("FileSystemConfigs are")
        : Asks(request.ImageConfig) ? FunctionErrors.InvalidParameter("Please don't provide ImageConfig when creating or updating a function of package type Zip.")
        : Asks(request.CapacityProviderConfig) ? FunctionErrors.NotInFnq("Capacity providers are")
        : Asks(request.DurableConfig) ? FunctionErrors.NotInFnq("Durable functions are")
        : Asks(request.TenancyConfig) ? FunctionErrors.NotInFnq("Tenant isolation is")
        : null;

    private static bool Asks(JsonElement? member) =>
        member is { ValueKind: not JsonValueKind.Null } given && !(given.ValueKind == JsonValueKind.Object && !given.EnumerateObject().Any());

    private static void ThrowFirst(params AwsException?[] errors)
    {
        if (errors.FirstOrDefault(error => error is not null) is { } first)
        {
            throw first;
        }
    }

    [GeneratedRegex(@"\Aarn:(aws[a-zA-Z-]*)?:iam::[0-9]{12}:role/?[a-zA-Z_0-9+=,.@\-/]+\z")]
    private static partial Regex Role();

    [GeneratedRegex(@"\A[^\s\0]+\z")]
    private static partial Regex Handler();

    [GeneratedRegex(@"\A(arn:(aws[a-zA-Z-]*)?:[a-z0-9.-]+:.*)?\z")]
    private static partial Regex Arn();

    [GeneratedRegex(@"\A[.\-_/#A-Za-z0-9]+\z")]
    private static partial Regex LogGroup();
}
