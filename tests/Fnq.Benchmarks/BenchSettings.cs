namespace Fnq.Benchmarks;

internal sealed class BenchException(string message) : Exception(message);

/// <summary>The instance that is measured, from the environment that <c>./fnq bench</c> exports, and the command line.</summary>
internal sealed record BenchSettings
{
    public required FnqEndpoint Endpoint { get; init; }

    public required string PlatformAmqpUrl { get; init; }

    public required string DataFolder { get; init; }

    public required string RuntimesFolder { get; init; }

    public required string RepositoryFolder { get; init; }

    /// <summary>The instance's <c>fnq serve</c>.</summary>
    public required int ServerPid { get; init; }

    /// <summary>Of a main measurement; side measurements take half of it.</summary>
    public required TimeSpan Window { get; init; }

    public int Rounds { get; init; } = 3;

    public static BenchSettings Read(TimeSpan window) => new()
    {
        Endpoint = new FnqEndpoint(
            new Uri(Text("AWS_ENDPOINT_URL")), Text("AWS_ACCESS_KEY_ID"), Text("AWS_SECRET_ACCESS_KEY"), Text("AWS_DEFAULT_REGION")),
        PlatformAmqpUrl = Text("FNQ_PLATFORM_AMQP_URL"),
        DataFolder = Text("FNQ_DATA"),
        RuntimesFolder = Text("FNQ_RUNTIMES"),
        RepositoryFolder = Text("FNQ_ROOT"),
        ServerPid = Pid(Path.Combine(Text("FNQ_DATA"), "run", "fnq.pid")),
        Window = window,
    };

    private static int Pid(string file) => File.Exists(file) && int.TryParse(File.ReadAllText(file), out var pid)
        ? pid
        : throw new BenchException("the instance does not run: ./fnq up -d first.");

    private static string Text(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
        ? text
        : throw new BenchException($"{name} is not set: start an instance with ./fnq up -d, then run ./fnq bench.");
}

/// <summary>Where requests go and with which key they are signed.</summary>
internal sealed record FnqEndpoint(Uri Address, string AccessKeyId, string SecretAccessKey, string Region);
