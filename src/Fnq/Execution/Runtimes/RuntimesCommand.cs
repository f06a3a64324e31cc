namespace Fnq.Execution.Runtimes;

/// <summary><c>fnq runtimes list | install NAME... [--if-missing] | remove NAME...</c>.</summary>
internal static class RuntimesCommand
{
    public static async Task<int> ListAsync(RuntimeCatalog catalog, TextWriter output, CancellationToken cancellationToken)
    {
        var installed = catalog.List().ToDictionary(runtime => runtime.Name);
        foreach (var name in (await catalog.AvailableAsync(cancellationToken)).Union(installed.Keys))
        {
            await output.WriteLineAsync(
                installed.TryGetValue(name, out var runtime) ? $"{name,-20} installed   {runtime.RuntimeVersion}" : $"{name,-20} available");
        }

        return 0;
    }

    public static async Task<int> InstallAsync(
        RuntimeCatalog catalog, IReadOnlyList<string> names, bool onlyMissing, TextWriter output, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var name in names)
            {
                if (!onlyMissing || !catalog.IsInstalled(name))
                {
                    await catalog.InstallAsync(name, line => { lock (output) { output.WriteLine(line); } }, cancellationToken);
                }
            }

            return 0;
        }
        catch (RuntimeInstallException error)
        {
            await output.WriteLineAsync(error.Message);
            return 1;
        }
    }

    public static async Task<int> RemoveAsync(RuntimeCatalog catalog, IReadOnlyList<string> names, TextWriter output)
    {
        var missing = 0;
        foreach (var name in names)
        {
            var removed = catalog.Remove(name);
            await output.WriteLineAsync(removed ? $"{name} removed" : $"{name} is not installed");
            missing += removed ? 0 : 1;
        }

        return missing == 0 ? 0 : 1;
    }
}
