namespace Fnq.Execution.Runtimes;

/// <summary><c>fnq runtimes list | install NAME... [--if-missing] | remove NAME</c>.</summary>
internal static class RuntimesCommand
{
    private const string Usage = "usage: fnq runtimes list | install NAME... [--if-missing] | remove NAME";

    public static async Task<int> RunAsync(
        RuntimeCatalog catalog, IReadOnlyList<string> arguments, TextWriter output, CancellationToken cancellationToken)
    {
        try
        {
            return arguments switch
            {
                ["list"] => await ListAsync(catalog, output, cancellationToken),
                ["install", _, ..] => await InstallAsync(catalog, [.. arguments.Skip(1)], output, cancellationToken),
                ["remove", var name] => await RemoveAsync(catalog, name, output),
                _ => await RefuseAsync(output),
            };
        }
        catch (RuntimeInstallException e)
        {
            await output.WriteLineAsync(e.Message);
            return 1;
        }
    }

    private static async Task<int> ListAsync(RuntimeCatalog catalog, TextWriter output, CancellationToken cancellationToken)
    {
        var installed = catalog.List().ToDictionary(runtime => runtime.Name);
        foreach (var name in (await catalog.AvailableAsync(cancellationToken)).Union(installed.Keys))
        {
            await output.WriteLineAsync(
                installed.TryGetValue(name, out var runtime) ? $"{name,-20} installed   {runtime.RuntimeVersion}" : $"{name,-20} available");
        }

        return 0;
    }

    private static async Task<int> InstallAsync(
        RuntimeCatalog catalog, string[] arguments, TextWriter output, CancellationToken cancellationToken)
    {
        var names = arguments.Where(argument => argument != "--if-missing").ToArray();
        if (names.Length == 0 || names.Any(name => name.StartsWith('-')))
        {
            return await RefuseAsync(output);
        }

        var onlyMissing = arguments.Contains("--if-missing");
        foreach (var name in names)
        {
            if (onlyMissing && (name == RuntimeCatalog.Init ? File.Exists(catalog.InitPath) : catalog.Find(name) is not null))
            {
                continue;
            }

            await catalog.InstallAsync(name, line => { lock (output) { output.WriteLine(line); } }, cancellationToken);
        }

        return 0;
    }

    private static async Task<int> RemoveAsync(RuntimeCatalog catalog, string name, TextWriter output)
    {
        var removed = catalog.Remove(name);
        await output.WriteLineAsync(removed ? $"{name} removed" : $"{name} is not installed");
        return removed ? 0 : 1;
    }

    private static async Task<int> RefuseAsync(TextWriter output)
    {
        await output.WriteLineAsync(Usage);
        return 2;
    }
}
