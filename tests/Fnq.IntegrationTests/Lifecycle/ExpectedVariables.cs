namespace Fnq.IntegrationTests.Lifecycle;

/// <summary>The environment variables recorded on AWS, and the endpoint that leads an SDK to Fnq.</summary>
internal static class ExpectedVariables
{
    private static readonly string[] Everywhere =
    [
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_RUNTIME_API", "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "_X_AMZN_TRACE_ID", "_HANDLER",
        "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "LANG", "TZ", "PATH", "LD_LIBRARY_PATH",
    ];

    public static IEnumerable<string> Names(string runtime) => runtime switch
    {
        "python3.13" => Everywhere.Concat(["PWD", "SHLVL", "AWS_EXECUTION_ENV", "PYTHONPATH", "LC_CTYPE"]),
        "nodejs20.x" => Everywhere.Concat(["PWD", "SHLVL", "AWS_EXECUTION_ENV", "NODE_PATH"]),
        _ => Everywhere,
    };

    public static IEnumerable<(string Name, string Value)> Values(string runtime, string function)
    {
        (string, string)[] own = runtime switch
        {
            "python3.13" => [("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13"), ("PYTHONPATH", "/var/runtime"), ("LC_CTYPE", "C.UTF-8"), ("PWD", "/var/task"), ("SHLVL", "0")],
            "nodejs20.x" =>
            [
                ("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs20.x"), ("PWD", "/var/task"), ("SHLVL", "0"),
                ("NODE_PATH", "/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"),
            ],
            _ => [],
        };
        return
        [
            ("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "us-east-1"), ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", $"/aws/lambda/{function}"), ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"), ("_AWS_XRAY_DAEMON_PORT", "2000"), ("_HANDLER", "app.handler"),
            ("LAMBDA_TASK_ROOT", "/var/task"), ("LAMBDA_RUNTIME_DIR", "/var/runtime"), ("LANG", "en_US.UTF-8"), ("TZ", ":UTC"),
            ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
            ("LD_LIBRARY_PATH", "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"),
            .. own,
        ];
    }
}
