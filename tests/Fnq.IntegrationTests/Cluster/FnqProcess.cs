using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Fnq.IntegrationTests.Cluster;

/// <summary>One `fnq serve` as users run it: another process, which a test may kill.</summary>
internal sealed class FnqProcess : IAsyncDisposable
{
    /// <summary>All suites run on the backend that these name, the hostile one too.</summary>
    private static readonly (string Test, string Setting)[] BackendSettings =
        [("FNQ_TEST_OCI_RUNTIME", "FNQ_OCI_RUNTIME"), ("FNQ_TEST_OCI_RUNTIME_ARGS", "FNQ_OCI_RUNTIME_ARGS")];

    private readonly Process _process;
    private readonly string _log;

    private FnqProcess(Process process, int port, string log) => (_process, Port, _log) = (process, port, log);

    public string DataFolder => Path.GetDirectoryName(_log)!;

    public int Port { get; }

    public int Pid => _process.Id;

    public Uri Address => new($"http://localhost:{Port}");

    public bool HasExited => _process.HasExited;

    public string Log => File.ReadAllText(_log);

    /// <summary>The last warnings and errors: why an answer was a 5xx.</summary>
    public string Troubles => string.Join('\n', Log.Split('\n').Where(IsTrouble).TakeLast(20));

    public static async Task<FnqProcess> StartAsync(string roles, string folder, IReadOnlyDictionary<string, string?> environment)
    {
        Directory.CreateDirectory(folder);
        var port = FreePort();
        var log = Path.Combine(folder, $"serve-{port}.log");
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };

        // The shell only opens the log file and becomes the server; nothing of a test's data is in its words.
        foreach (var argument in (string[])["-c", "exec dotnet \"$0\" serve --roles \"$1\" >\"$2\" 2>&1 </dev/null", Repository.ServerDll, roles, log])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.Environment["FNQ_DATA"] = folder;
        start.Environment["FNQ_PORT"] = $"{port}";
        if (!environment.ContainsKey("FNQ_RUNTIMES"))
        {
            start.Environment["FNQ_RUNTIMES"] = Repository.RuntimesFolder;
        }

        foreach (var (test, setting) in BackendSettings)
        {
            if (Environment.GetEnvironmentVariable(test) is { Length: > 0 } value && !environment.ContainsKey(setting))
            {
                start.Environment[setting] = value;
            }
        }

        var server = new FnqProcess(Process.Start(start)!, port, log);
        try
        {
            await server.WaitUntilReadyAsync();
            return server;
        }
        catch
        {
            if (!server._process.HasExited)
            {
                server.Kill(); // Nobody else would end it.
            }

            throw;
        }
    }

    public void Kill() => _process.Kill(entireProcessTree: false);

    public Task WaitForExitAsync() => _process.WaitForExitAsync(new CancellationTokenSource(Until.OnThisMachine(TimeSpan.FromSeconds(40))).Token);

    public async Task StopAsync()
    {
        if (!_process.HasExited)
        {
            await Shell.RunAsync("kill", ["-TERM", $"{Pid}"]);
            await WaitForExitAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
    }

    private async Task WaitUntilReadyAsync()
    {
        using var http = new HttpClient { Timeout = Until.OnThisMachine(TimeSpan.FromSeconds(2)) };
        try
        {
            await Until.TrueAsync(async () => _process.HasExited || await IsReadyAsync(http), $"fnq on port {Port} is ready", TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}\n{Log}", late);
        }

        if (_process.HasExited)
        {
            throw new InvalidOperationException($"fnq exited with {_process.ExitCode}:\n{Log}");
        }
    }

    private async Task<bool> IsReadyAsync(HttpClient http)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(Address, "/readyz"));
            return answer.IsSuccessStatusCode;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    private static bool IsTrouble(string line) =>
        line.Contains("warn:", StringComparison.Ordinal) || line.Contains("fail:", StringComparison.Ordinal);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
