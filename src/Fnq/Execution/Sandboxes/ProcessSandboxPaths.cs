namespace Fnq.Execution.Sandboxes;

/// <summary>Maps what a function is told to where things really are, as there are no mounts.</summary>
internal static class ProcessSandboxPaths
{
    /// <summary>The command line on the host; null when its interpreter is not on the PATH.</summary>
    public static IReadOnlyList<string>? Command(IReadOnlyList<string> arguments, FunctionPaths paths, string rootFileSystem)
    {
        var program = arguments[0];
        if (program == "/var/lang/bin/node")
        {
            return OnPath("node") is { } node ? [node, .. arguments.Skip(1).Select(a => Map(a, paths))] : null;
        }

        var mapped = arguments.Select(argument => Map(argument, paths)).ToArray();
        if (!File.Exists(mapped[0]) && File.Exists(Path.Combine(rootFileSystem, program.TrimStart('/'))))
        {
            mapped[0] = Path.Combine(rootFileSystem, program.TrimStart('/'));
        }

        // A bootstrap names the interpreter of its root file system, which cannot be entered from here.
        var interpreter = Interpreter(mapped[0]);
        return interpreter is null || File.Exists(interpreter) ? mapped
            : OnPath(HostName(interpreter)) is { } host ? [host, .. mapped]
            : null;
    }

    public static string Map(string value, FunctionPaths paths)
    {
        var sandboxed = FunctionPaths.Sandboxed;
        return string.Join(':', value.Split(':').Select(part =>
            Under(part, sandboxed.TaskRoot, paths.TaskRoot)
            ?? Under(part, sandboxed.RuntimeFolder, paths.RuntimeFolder)
            ?? Under(part, sandboxed.LayerFolder, paths.LayerFolder)
            ?? part));
    }

    private static string? Under(string path, string from, string to) =>
        path == from || path.StartsWith(from + "/", StringComparison.Ordinal) ? to + path[from.Length..] : null;

    private static string? Interpreter(string file)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        using var reader = new StreamReader(file);
        var start = new char[128];
        var line = new string(start, 0, reader.ReadBlock(start)).Split('\n')[0];
        return line.StartsWith("#!", StringComparison.Ordinal) ? line[2..].Trim().Split(' ')[0] : null;
    }

    /// <summary><c>/usr/bin/python3.13</c> runs as the host's <c>python3</c>.</summary>
    private static string HostName(string interpreter)
    {
        var name = Path.GetFileName(interpreter);
        return name.StartsWith("python3", StringComparison.Ordinal) ? "python3" : name;
    }

    private static string? OnPath(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => Path.Combine(folder, name))
        .FirstOrDefault(File.Exists);
}
