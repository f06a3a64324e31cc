using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Fnq.AwsApi;

namespace Fnq.Functions;

/// <summary>What environment variables a function may have.</summary>
internal static partial class EnvironmentRules
{
    public const string NamePattern = "[a-zA-Z]([a-zA-Z0-9_])+";
    private const int LimitBytes = 4_096;
    private const string Prefix = "Lambda was unable to configure your environment variables because the environment variables you have provided ";

    private static readonly HashSet<string> Reserved =
    [
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    ];

    public static bool IsName(string name) => Name().IsMatch(name);

    public static AwsException? CheckReserved(IReadOnlyDictionary<string, string>? variables)
    {
        var used = variables?.Keys.Where(Reserved.Contains).ToArray() ?? [];
        return used.Length == 0 ? null : FunctionErrors.InvalidParameter(
            Prefix + "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: " + string.Join(", ", used));
    }

    public static AwsException? CheckSize(Dictionary<string, string>? variables)
    {
        if (variables is null)
        {
            return null;
        }

        var measured = JsonSerializer.Serialize(variables, FunctionsJson.Api.DictionaryStringString);
        return Encoding.UTF8.GetByteCount(measured) <= LimitBytes ? null : FunctionErrors.InvalidParameter(
            Prefix + $"exceeded the 4KB limit. String measured: {measured}");
    }

    [GeneratedRegex(@"\A[a-zA-Z][a-zA-Z0-9_]+\z")]
    private static partial Regex Name();
}
