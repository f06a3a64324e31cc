using System.Globalization;
using Fnq.Dispatch;
using Fnq.Execution.Runtimes;

namespace Fnq.Execution;

/// <summary>Where the function finds its things; real folders under the process sandbox.</summary>
internal sealed record FunctionPaths(string TaskRoot, string RuntimeFolder, string LayerFolder)
{
    public static FunctionPaths Sandboxed { get; } = new("/var/task", "/var/runtime", "/opt");
}

/// <summary>The environment of a function's processes, as recorded on AWS (lambda-api.md 4.1).</summary>
internal static class EnvironmentVariables
{
    public static Dictionary<string, string> Build(
        Deployment deployment, RuntimeManifest runtime, string runtimeApiAddress, string logStream, string initializationType = "on-demand")
    {
        var memory = deployment.MemorySizeMb.ToString(CultureInfo.InvariantCulture);
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            ["LD_LIBRARY_PATH"] =
                "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
            ["LANG"] = "en_US.UTF-8",
            ["TZ"] = ":UTC",
        };
        Overlay(variables, runtime.Environment);
        Overlay(variables, deployment.Environment);

        // What the platform says of itself comes last: a function cannot claim to be another.
        variables["AWS_REGION"] = deployment.Function.Region;
        variables["AWS_DEFAULT_REGION"] = deployment.Function.Region;
        variables["AWS_LAMBDA_FUNCTION_NAME"] = deployment.Function.Name;
        variables["AWS_LAMBDA_FUNCTION_VERSION"] = deployment.Version;
        variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = memory;
        variables["AWS_LAMBDA_LOG_GROUP_NAME"] = deployment.LogGroup;
        variables["AWS_LAMBDA_LOG_STREAM_NAME"] = logStream;
        variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = initializationType;
        variables["AWS_LAMBDA_RUNTIME_API"] = runtimeApiAddress;
        variables["AWS_XRAY_CONTEXT_MISSING"] = "LOG_ERROR";
        variables["AWS_XRAY_DAEMON_ADDRESS"] = "169.254.79.129:2000";
        variables["_AWS_XRAY_DAEMON_ADDRESS"] = "169.254.79.129";
        variables["_AWS_XRAY_DAEMON_PORT"] = "2000";
        variables["_HANDLER"] = deployment.Handler;
        variables["LAMBDA_TASK_ROOT"] = FunctionPaths.Sandboxed.TaskRoot;
        variables["LAMBDA_RUNTIME_DIR"] = FunctionPaths.Sandboxed.RuntimeFolder;
        if (deployment.LogFormat == "JSON")
        {
            variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON";
        }

        return variables;
    }

    private static void Overlay(Dictionary<string, string> variables, IReadOnlyDictionary<string, string> more)
    {
        foreach (var (name, value) in more)
        {
            variables[name] = value;
        }
    }
}
