using Fnq.Contracts;
using Fnq.Dispatch;
using Fnq.Execution;
using Fnq.Execution.Sandboxes.Egress;

namespace Fnq.Hosting;

/// <summary>Everything that can be set, resolved once. Only Hosting reads the environment.</summary>
internal sealed record FnqSettings
{
    public required IReadOnlyList<string> Roles { get; init; }

    /// <summary>Absolute folder of all local state.</summary>
    public required string DataFolder { get; init; }

    public required string RuntimesFolder { get; init; }

    /// <summary>Address to listen on; loopback unless somebody says otherwise.</summary>
    public required string Host { get; init; }
    public required int Port { get; init; }

    /// <summary>Open at the same time; the default of the web server is no limit.</summary>
    public required int MaxConnections { get; init; }

    /// <summary>The users' virtual host.</summary>
    public required string AmqpUrl { get; init; }

    /// <summary>The platform's own virtual host.</summary>
    public required string PlatformAmqpUrl { get; init; }
    public required string PostgresUrl { get; init; }
    public required string AccountId { get; init; }
    public required string Region { get; init; }
    public required string? AccessKeyId { get; init; }
    public required string? SecretAccessKey { get; init; }

    /// <summary><c>oci</c> or <c>process</c>.</summary>
    public required string Sandbox { get; init; }

    /// <summary>Refuses what is only for development, such as the process sandbox.</summary>
    public required bool Production { get; init; }

    /// <summary>Path or name of the OCI runtime; null tries crun, then runc.</summary>
    public required string? OciRuntime { get; init; }

    /// <summary>Given to the OCI runtime before its command, such as <c>--platform=systrap</c>.</summary>
    public required IReadOnlyList<string> OciRuntimeArguments { get; init; }

    /// <summary>Sandboxes kept ready for each runtime in use; 0 makes each when it is needed.</summary>
    public required int PreparedSlots { get; init; }

    /// <summary>Host-wide, shared by all workers of the host.</summary>
    public required string SandboxStateFolder { get; init; }
    public required bool LocalHandoff { get; init; }

    /// <summary>The reply waits for the broker's confirm of its billing record.</summary>
    public required bool StrictBilling { get; init; }
    public required WorkerOptions Worker { get; init; }
    public required EgressOptions Egress { get; init; }

    /// <summary>Fnq's API as a worker's functions reach it; null when this process has no api role and nobody says.</summary>
    public required Uri? ApiUrl { get; init; }

    /// <summary>Extracted packages that a data folder keeps beyond those in use.</summary>
    public required int CodeCacheMb { get; init; }

    /// <summary>Billing records that wait for the broker; with more, invocations are refused.</summary>
    public required int JournalMb { get; init; }

    /// <summary><c>text</c> for people, <c>json</c> for collectors: one object a line, with the members of each event.</summary>
    public required string LogFormat { get; init; }

    /// <summary>Private addresses that webhook destinations may name; public ones are open.</summary>
    public required IReadOnlyList<EgressRule> WebhookAllow { get; init; }

    /// <summary>After this a message that a function did not process is there again.</summary>
    public required TimeSpan QueueVisibility { get; init; }

    /// <summary>A message that failed so often is left to its queue's dead-letter exchange; 0 is never.</summary>
    public required int QueueReceivesMax { get; init; }

    /// <summary>How long the outcome of an asynchronous event can be read.</summary>
    public required TimeSpan EventRetention { get; init; }

    public bool Has(string role) => Roles.Contains(role);

    public static NodeId NewNode(TimeProvider time) => new($"{Environment.MachineName}-{Guid.CreateVersion7(time.GetUtcNow()):N}"[..^12]);

    public static FnqSettings Read(IReadOnlyDictionary<string, string?> environment, string? roles = null)
    {
        var read = new SettingsReader(environment);
        var data = Path.GetFullPath(read.Text("FNQ_DATA", ".fnq"));
        var amqp = read.Url("FNQ_AMQP_URL", "amqp", "amqps");
        var settings = new FnqSettings
        {
            Roles = read.Set("FNQ_ROLES", roles, RoleTable.All),
            DataFolder = data,
            RuntimesFolder = Path.GetFullPath(read.Text("FNQ_RUNTIMES", Path.Combine(data, "runtimes"))),
            Host = read.Text("FNQ_HOST", "127.0.0.1"),
            Port = read.Number("FNQ_PORT", 9000, 0, 65_535),
            MaxConnections = read.Number("FNQ_MAX_CONNECTIONS", 10_000, 10, 1_000_000),
            AmqpUrl = amqp,
            PlatformAmqpUrl = read.UrlOr(WithVirtualHost(amqp, "fnq"), "FNQ_PLATFORM_AMQP_URL", "amqp", "amqps"),
            PostgresUrl = read.Url("FNQ_POSTGRES_URL", "postgres", "postgresql"),
            AccountId = read.Matching("FNQ_ACCOUNT_ID", "123456789012", @"^\d{12}$", "twelve digits"),
            Region = read.Matching("FNQ_REGION", "us-east-1", "^[a-z]{2}(-[a-z]+)+-[0-9]$", "a region such as us-east-1"),
            AccessKeyId = read.Optional("FNQ_ACCESS_KEY_ID"),
            SecretAccessKey = read.Optional("FNQ_SECRET_ACCESS_KEY"),
            Sandbox = read.OneOf("FNQ_SANDBOX", "oci", "process"),
            Production = read.Switch("FNQ_PRODUCTION", false),
            OciRuntime = read.Optional("FNQ_OCI_RUNTIME"),
            OciRuntimeArguments = read.Text("FNQ_OCI_RUNTIME_ARGS", "").Split(' ', StringSplitOptions.RemoveEmptyEntries),
            PreparedSlots = read.Number("FNQ_PREPARED_SLOTS", 2, 0, 100),
            SandboxStateFolder = read.Text("FNQ_SANDBOX_STATE", "/run/fnq"),
            LocalHandoff = read.Switch("FNQ_LOCAL_HANDOFF", true),
            StrictBilling = read.Switch("FNQ_BILLING_STRICT", false),
            CodeCacheMb = read.Number("FNQ_CODE_CACHE_MB", 10_240, 0, int.MaxValue),
            JournalMb = read.Number("FNQ_JOURNAL_MB", 4_096, 1, int.MaxValue),
            LogFormat = read.OneOf("FNQ_LOG_FORMAT", "text", "json"),
            Egress = EgressSettings.Read(read),
            WebhookAllow = read.Parsed<IReadOnlyList<EgressRule>>(
                "FNQ_WEBHOOK_ALLOW", [], EgressRule.ParseServerList, "IPv4 networks with an optional port, such as 127.0.0.1:8080"),
            QueueVisibility = TimeSpan.FromSeconds(read.Number("FNQ_QUEUE_VISIBILITY_SECONDS", 30, 1, 43_200)),
            QueueReceivesMax = read.Number("FNQ_QUEUE_MAX_RECEIVES", 0, 0, 1_000),
            EventRetention = TimeSpan.FromDays(read.Number("FNQ_EVENT_RETENTION_DAYS", 14, 1, 3_650)),
            ApiUrl = null,
            Worker = new WorkerOptions
            {
                MemoryMb = read.Number("FNQ_WORKER_MEMORY_MB", HostMemory.TotalMb * 8 / 10, 128, int.MaxValue),
                MaxEnvironments = read.Number("FNQ_MAX_ENVIRONMENTS", 400, 1, 10_000),
                IdleTimeout = TimeSpan.FromSeconds(read.Number("FNQ_IDLE_TIMEOUT_SECONDS", 300, 1, 86_400)),
            },
        };
        settings = settings with { ApiUrl = EgressSettings.ApiUrl(read, settings) };
        read.Refuse(
            settings is { Production: true, Sandbox: "process" },
            "FNQ_SANDBOX=process isolates nothing and is refused with FNQ_PRODUCTION=on: set FNQ_SANDBOX=oci");
        read.ThrowIfWrong();
        return settings;
    }

    /// <summary>For the log at start: every setting, no secret.</summary>
    public IEnumerable<(string Name, string Value)> Describe() =>
    [
        ("roles", string.Join(',', Roles)),
        ("data", DataFolder),
        ("runtimes", RuntimesFolder),
        ("listen", $"{Host}:{Port}"),
        ("connections at most", $"{MaxConnections}"),
        ("amqp", WithoutSecret(AmqpUrl)),
        ("platform amqp", WithoutSecret(PlatformAmqpUrl)),
        ("postgres", WithoutSecret(PostgresUrl)),
        ("account", AccountId),
        ("region", Region),
        ("sandbox", Sandbox),
        ("oci runtime", string.Join(' ', [OciRuntime ?? "found at start", .. OciRuntimeArguments])),
        ("prepared slots", $"{PreparedSlots}"),
        ("local hand-off", LocalHandoff ? "on" : "off"),
        ("strict billing", StrictBilling ? "on" : "off"),
        ("worker memory", $"{Worker.MemoryMb} MiB"),
        ("environments at most", $"{Worker.MaxEnvironments}"),
        ("code cache", $"{CodeCacheMb} MiB"),
        ("run journal at most", $"{JournalMb} MiB"),
        ("egress", Egress.Mode),
        ("egress open to all", string.Join(' ', Egress.Allow)),
        ("egress network", Egress.Network.ToString()),
        ("webhooks open to", string.Join(' ', WebhookAllow)),
        ("queue visibility", $"{QueueVisibility.TotalSeconds} s"),
        ("queue receives at most", QueueReceivesMax == 0 ? "any number" : $"{QueueReceivesMax}"),
        ("event outcomes kept", $"{EventRetention.TotalDays} days"),
        ("api for functions", ApiUrl?.ToString() ?? "none"),
        ("idle timeout", $"{Worker.IdleTimeout.TotalSeconds} s"),
    ];

    private static string WithoutSecret(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) ? $"{uri.Scheme}://{uri.Host}:{uri.Port}{uri.AbsolutePath}" : "";

    private static string WithVirtualHost(string url, string virtualHost) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) ? new UriBuilder(uri) { Path = "/" + virtualHost }.Uri.ToString() : url;
}
