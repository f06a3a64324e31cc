namespace Fnq.Execution.Sandboxes;

internal sealed class ProcessSandboxOptions
{
    /// <summary>Holds one folder a sandbox.</summary>
    public string Folder { get; set; } = Path.Combine(Path.GetTempPath(), "fnq-process");

    /// <summary>A production system refuses this backend.</summary>
    public bool IsProduction { get; set; }
}

/// <summary>
/// Runs functions as plain child processes of the worker: no isolation at all. For development machines without the
/// privileges that real sandboxes need.
/// </summary>
internal sealed partial class ProcessSandboxBackend : ISandboxBackend
{
    private readonly ProcessSandboxOptions _options;

    public ProcessSandboxBackend(ProcessSandboxOptions options, ILogger<ProcessSandboxBackend> log)
    {
        if (options.IsProduction)
        {
            throw new SandboxException("the process sandbox isolates nothing and is refused in production: set the sandbox to oci");
        }

        _options = options;
        LogNoIsolation(log);
    }

    public string Name => "process";

    public Task<ISandbox> CreateAsync(SandboxSpec spec, CancellationToken cancellationToken)
    {
        var id = Guid.NewGuid().ToString("N")[..12];
        var folder = Path.Combine(_options.Folder, $"{Environment.ProcessId}-{id}");
        ProcessSandboxCalls.CreatePrivateFolder(folder);
        return Task.FromResult<ISandbox>(new ProcessSandbox(id, folder, spec));
    }

    /// <summary>Folders of workers that are gone; their processes ended with their pipe.</summary>
    public Task SweepAsync(CancellationToken cancellationToken)
    {
        if (Directory.Exists(_options.Folder))
        {
            foreach (var folder in Directory.GetDirectories(_options.Folder))
            {
                var owner = Path.GetFileName(folder).Split('-')[0];
                if (!Directory.Exists($"/proc/{owner}"))
                {
                    Directory.Delete(folder, recursive: true);
                }
            }
        }

        return Task.CompletedTask;
    }

    [LoggerMessage(EventId = 3301, Level = LogLevel.Warning,
        Message = "NO ISOLATION: the process sandbox runs functions as child processes of this worker, with its user, files and network. Only for development with code you trust")]
    private static partial void LogNoIsolation(ILogger log);
}
