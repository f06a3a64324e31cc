namespace Fnq.IntegrationTests.Cluster;

/// <summary>Where the tests find scripts, runtimes and the server that was built with them.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string ServerDll { get; } = Path.Combine(AppContext.BaseDirectory, "Fnq.Server.dll");

    /// <summary>Built once a machine and shared by runs: they are read-only.</summary>
    public static string RuntimesFolder { get; } =
        Environment.GetEnvironmentVariable("FNQ_TEST_RUNTIMES") is { Length: > 0 } given ? given : Path.Combine(Root, ".fnq", "runtimes");

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Fnq.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("No Fnq.sln above the tests");
        }

        return folder.FullName;
    }
}
