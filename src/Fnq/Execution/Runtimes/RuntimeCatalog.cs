using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace Fnq.Execution.Runtimes;

internal sealed class RuntimeOptions
{
    /// <summary>Holds one folder a runtime, and <c>init</c>, process 1 of the sandboxes.</summary>
    public string Folder { get; set; } = ".fnq/runtimes";

    /// <summary>Builds a runtime: <c>build.sh NAME DEST</c>.</summary>
    public string BuildScript { get; set; } = Path.Combine(AppContext.BaseDirectory, "runtimes", "build.sh");
}

/// <summary>Installing a runtime failed; the message says what to do.</summary>
internal sealed class RuntimeInstallException(string message) : Exception(message);

/// <summary>The runtimes of this host.</summary>
internal sealed class RuntimeCatalog(RuntimeOptions options)
{
    /// <summary>Process 1 is built by the same script, but is no runtime.</summary>
    public const string Init = "init";
    private const string ManifestFile = "manifest.json";
    private readonly ConcurrentDictionary<string, RuntimeManifest> _known = new();
    private readonly ConcurrentDictionary<string, Lazy<Task>> _installing = new();

    public string InitPath => Path.Combine(options.Folder, Init);

    public bool IsInstalled(string name) => name == Init ? File.Exists(InitPath) : Find(name) is not null;

    /// <summary>Null when it is not installed.</summary>
    public RuntimeManifest? Find(string name)
    {
        if (_known.TryGetValue(name, out var manifest))
        {
            return manifest;
        }

        manifest = IsSafe(name) ? Read(Path.Combine(options.Folder, name)) : null;
        return manifest is null ? null : _known.GetOrAdd(name, manifest);
    }

    public IReadOnlyList<RuntimeManifest> List() => !Directory.Exists(options.Folder)
        ? []
        : [.. Directory.GetDirectories(options.Folder).Order(StringComparer.Ordinal).Select(Read).OfType<RuntimeManifest>()];

    /// <summary>The names that the build script knows.</summary>
    public async Task<IReadOnlyList<string>> AvailableAsync(CancellationToken cancellationToken)
    {
        var names = new List<string>();
        await RunScriptAsync(["list"], names.Add, cancellationToken);
        return names;
    }

    /// <summary>Builds a runtime; who asks for one that is being built waits for the same build.</summary>
    public async Task InstallAsync(string name, Action<string> progress, CancellationToken cancellationToken)
    {
        if (!IsSafe(name))
        {
            throw new RuntimeInstallException($"'{name}' is no runtime");
        }

        // The build outlives the one who asked first: others may wait for it.
        var install = _installing.GetOrAdd(name, _ => new Lazy<Task>(() => BuildAsync(name, progress)));
        try
        {
            await install.Value.WaitAsync(cancellationToken);
        }
        finally
        {
            if (install.Value.IsCompleted)
            {
                _installing.TryRemove(new KeyValuePair<string, Lazy<Task>>(name, install));
            }
        }
    }

    public bool Remove(string name)
    {
        var folder = Path.Combine(options.Folder, name);
        _known.TryRemove(name, out _);
        if (!IsSafe(name) || !Directory.Exists(folder))
        {
            return false;
        }

        // Renamed first: a half-deleted runtime must not be taken for a whole one.
        var doomed = Path.Combine(options.Folder, $".removed-{Guid.NewGuid():N}");
        Directory.Move(folder, doomed);
        Directory.Delete(doomed, recursive: true);
        return true;
    }

    private async Task BuildAsync(string name, Action<string> progress)
    {
        Directory.CreateDirectory(options.Folder);
        var destination = name == Init ? options.Folder : Path.Combine(options.Folder, name);
        await RunScriptAsync([name, destination], progress, CancellationToken.None);
        _known.TryRemove(name, out _);
    }

    private async Task RunScriptAsync(IReadOnlyList<string> arguments, Action<string> progress, CancellationToken cancellationToken)
    {
        if (!File.Exists(options.BuildScript))
        {
            throw new RuntimeInstallException($"the build script of runtimes is not at {options.BuildScript}");
        }

        var last = "";
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(options.BuildScript, arguments) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        process.OutputDataReceived += (_, line) => Hear(line.Data);
        process.ErrorDataReceived += (_, line) => Hear(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            // Users read it in the state of their function: no path of this host.
            throw new RuntimeInstallException(
                $"Runtime {arguments[0]} could not be installed: {last}. Install one with `fnq runtimes install NAME`, or bring your own bootstrap under provided.al2023.");
        }

        void Hear(string? line)
        {
            if (!string.IsNullOrEmpty(line))
            {
                last = line;
                progress(line);
            }
        }
    }

    private static RuntimeManifest? Read(string folder)
    {
        try
        {
            using var file = File.OpenRead(Path.Combine(folder, ManifestFile));
            return JsonSerializer.Deserialize(file, RuntimeManifestJson.Default.RuntimeManifest) is { } manifest
                ? manifest with { Folder = folder }
                : null;
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsSafe(string name) =>
        name.Length is > 0 and < 64 && name[0] != '.' && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-');
}
