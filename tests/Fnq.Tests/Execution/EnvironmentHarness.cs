using System.Diagnostics.Metrics;
using System.Text;
using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Execution;
using Fnq.Execution.Output;
using Fnq.Execution.RuntimeApi;
using Fnq.Execution.Runtimes;
using Fnq.Execution.Sandboxes;
using Fnq.Logs;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fnq.Tests.Execution;

/// <summary>A worker's execution part with a real server, pump and log store; only the sandbox is fake.</summary>
internal sealed class EnvironmentHarness : IAsyncDisposable, ISandboxBackend, ICodeFolders, IRunJournal, IFunctionCredentials
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fnq-test-").FullName;
    private readonly RuntimeApiServer _server;
    private readonly OutputPump _pump = new();
    private readonly LogStore _logs;
    private readonly MeterFactory _meters = new();
    private readonly List<ExecutionEnvironment> _environments = [];
    private bool _serving;
    private bool _handedOut;

    public EnvironmentHarness(TimeProvider? time = null, ILoggerFactory? loggers = null, RuntimeApiLimits? limits = null)
    {
        loggers ??= NullLoggerFactory.Instance;
        _server = new RuntimeApiServer(loggers, limits);
        _logs = new LogStore(_folder, TimeProvider.System, NullLogger<LogStore>.Instance);
        var runtime = Path.Combine(_folder, "runtimes", "python3.13");
        Directory.CreateDirectory(runtime);
        File.WriteAllText(
            Path.Combine(runtime, "manifest.json"),
            """
            {"name":"python3.13","runtimeVersion":"python:3.13.v1","arnHash":"abc","entrypointMode":"exec",
             "entrypoint":["/var/runtime/bootstrap"],"environment":{"AWS_EXECUTION_ENV":"AWS_Lambda_python3.13"}}
            """);
        Services = new EnvironmentServices(
            _server,
            new RuntimeApiAcceptor(_server, TimeProvider.System),
            _pump, _logs, this,
            new FunctionAccess(this, new ApiProxy(new(), TimeProvider.System, NullLogger<ApiProxy>.Instance), new(), new WorkerOptions { MemoryMb = 1_024 }),
            new ExecutionMeters(_meters), new NodeId("worker-1"), time ?? TimeProvider.System,
            loggers.CreateLogger<ExecutionEnvironment>());
        Backoff = new InitBackoff(Services.Time);
        Factory = new EnvironmentFactory(this, new RuntimeCatalog(new RuntimeOptions { Folder = Path.Combine(_folder, "runtimes") }), this, Services);
    }

    public EnvironmentServices Services { get; }

    public EnvironmentFactory Factory { get; }

    public InitBackoff Backoff { get; }

    /// <summary>The newest.</summary>
    public FakeSandbox Sandbox { get; private set; } = new();

    public List<InvocationRecord> Records { get; } = [];

    public string Folder => _folder;

    string ISandboxBackend.Name => "fake";

    public static Deployment Deployment { get; } = new()
    {
        Id = new DeploymentId("d1"),
        Function = new FunctionKey("123456789012", "us-east-1", "hello"),
        Version = "$LATEST",
        Runtime = "python3.13",
        Handler = "lambda_function.lambda_handler",
        Architecture = "x86_64",
        MemorySizeMb = 128,
        TimeoutSeconds = 3,
        EphemeralStorageMb = 512,
        Role = "arn:aws:iam::123456789012:role/r",
        Environment = new Dictionary<string, string> { ["COLOUR"] = "blue" },
        CodeDigest = "00",
        LogGroup = "/aws/lambda/hello",
        LogFormat = "Text",
    };

    public async Task<ExecutionEnvironment> StartAsync(
        Func<FakeSandbox, CancellationToken, Task> runtime, Deployment? deployment = null, InitBackoff? backoff = null)
    {
        await PrepareAsync(runtime);
        var environment = await Factory.StartAsync(deployment ?? Deployment, backoff ?? Backoff, CancellationToken.None);
        _environments.Add(environment);
        return environment;
    }

    /// <summary>The runtime that the next sandboxes get.</summary>
    public async Task PrepareAsync(Func<FakeSandbox, CancellationToken, Task> runtime)
    {
        if (!_serving)
        {
            _serving = true;
            await _server.StartAsync(CancellationToken.None);
        }

        if (_handedOut)
        {
            Sandbox = new FakeSandbox();
            _handedOut = false;
        }

        Sandbox.Runtime = runtime;
    }

    public async Task EndAsync(ExecutionEnvironment environment)
    {
        await environment.DisposeAsync();
        _environments.Remove(environment);
    }

    public static InvocationRequest Request(string payload = "{}", bool wantsLogTail = false) => new()
    {
        RequestId = Guid.NewGuid(),
        RunId = RunId.New(TimeProvider.System),
        Deployment = new DeploymentId("d1"),
        InvokedFunctionArn = Deployment.Function.Arn,
        Payload = Encoding.UTF8.GetBytes(payload),
        TraceId = "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
        StartDeadline = TimeProvider.System.GetUtcNow().AddDays(1),
        WantsLogTail = wantsLogTail,
    };

    public async Task<string> ReadLogAsync()
    {
        await _logs.FlushAsync(CancellationToken.None);
        var folder = LogFolders.Of(_folder, "123456789012", "us-east-1", "hello");
        return string.Concat(Directory.GetFiles(folder).Order().Select(File.ReadAllText));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var environment in _environments)
        {
            await environment.DisposeAsync();
        }

        await _server.DisposeAsync();
        _pump.Dispose();
        await _logs.DisposeAsync();
        _meters.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    Task<ISandbox> ISandboxBackend.CreateAsync(SandboxSpec spec, CancellationToken cancellationToken)
    {
        Sandbox = _handedOut ? new FakeSandbox { Runtime = Sandbox.Runtime } : Sandbox;
        _handedOut = true;
        return Task.FromResult<ISandbox>(Sandbox);
    }

    Task ISandboxBackend.SweepAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    ValueTask<CodeFolders> ICodeFolders.PrepareAsync(Deployment deployment, CancellationToken cancellationToken) => new(new CodeFolders(_folder, null));

    /// <summary>The test goes on from here, and not on an event loop's thread: other tests' sockets wait for that.</summary>
    async ValueTask IRunJournal.AppendAsync(InvocationRecord record)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        lock (Records)
        {
            Records.Add(record);
        }
    }

    ValueTask<FunctionCredentials> IFunctionCredentials.IssueAsync(Deployment deployment, TimeSpan life, CancellationToken cancellationToken) =>
        new(new FunctionCredentials("ASIAEXAMPLE", "secret", $"token for {life}"));

    private sealed class MeterFactory : IMeterFactory
    {
        private readonly List<Meter> _meters = [];

        public Meter Create(MeterOptions options)
        {
            var meter = new Meter(options);
            _meters.Add(meter);
            return meter;
        }

        public void Dispose() => _meters.ForEach(meter => meter.Dispose());
    }
}
