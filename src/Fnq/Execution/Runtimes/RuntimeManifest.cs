using System.Text.Json.Serialization;

namespace Fnq.Execution.Runtimes;

/// <summary>What a built runtime says of itself: <c>manifest.json</c> beside its <c>rootfs</c>.</summary>
internal sealed record RuntimeManifest
{
    public const string FirstExisting = "first-existing";

    /// <summary>Of the function's memory; the rest is for the program itself and its buffers.</summary>
    private const int HeapPercent = 90;

    public required string Name { get; init; }

    /// <summary>As in INIT_START, for example <c>python:3.13.v1</c>.</summary>
    public required string RuntimeVersion { get; init; }
    public required string ArnHash { get; init; }
    public required IReadOnlyList<string> Entrypoint { get; init; }

    /// <summary><c>exec</c>: the entry point is a command line; <c>first-existing</c>: it lists candidates.</summary>
    public string EntrypointMode { get; init; } = "exec";

    /// <summary>Put after the program with a number of MiB behind it, for runtimes that cannot see their own memory limit.</summary>
    public string? HeapOption { get; init; }
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The folder that the manifest lies in.</summary>
    [JsonIgnore]
    public string Folder { get; init; } = "";

    [JsonIgnore]
    public string RootFileSystem => Path.Combine(Folder, "rootfs");

    /// <summary>The command line; null when none of the candidates lies in the code or the layers.</summary>
    public IReadOnlyList<string>? ResolveEntrypoint(string codeFolder, string? layersFolder, int memorySizeMb) =>
        EntrypointMode == FirstExisting
            ? Entrypoint.Where(candidate => ExistsOnHost(candidate, codeFolder, layersFolder)).Select(IReadOnlyList<string> (c) => [c]).FirstOrDefault()
            : HeapOption is not { Length: > 0 } ? Entrypoint
            : [Entrypoint[0], $"{HeapOption}{memorySizeMb * HeapPercent / 100}", .. Entrypoint.Skip(1)];

    private static bool ExistsOnHost(string candidate, string codeFolder, string? layersFolder)
    {
        var paths = FunctionPaths.Sandboxed;
        if (candidate.StartsWith(paths.TaskRoot + "/", StringComparison.Ordinal))
        {
            return File.Exists(Path.Combine(codeFolder, candidate[(paths.TaskRoot.Length + 1)..]));
        }

        return layersFolder is not null && candidate.StartsWith(paths.LayerFolder + "/", StringComparison.Ordinal)
            && File.Exists(Path.Combine(layersFolder, candidate[(paths.LayerFolder.Length + 1)..]));
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RuntimeManifest))]
internal sealed partial class RuntimeManifestJson : JsonSerializerContext;
