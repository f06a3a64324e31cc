using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Fnq.Benchmarks.Load;

namespace Fnq.Benchmarks.Cluster;

/// <summary>One <c>fnq serve</c> that the bench starts and stops.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _log;

    private ServerProcess(Process process, FnqEndpoint endpoint, string log) => (_process, Endpoint, _log) = (process, endpoint, log);

    public FnqEndpoint Endpoint { get; }

    public int Pid => _process.Id;

    public static async Task<ServerProcess> StartAsync(
        BenchSettings settings, string roles, string folder, IReadOnlyDictionary<string, string?> environment, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        var port = FreePort();
        var log = Path.Combine(folder, "serve.log");
        var server = Path.Combine(settings.RepositoryFolder, "src", "Fnq.Server", "bin", "Release", "net10.0", "Fnq.Server.dll");
        var dotnet = Environment.ProcessPath ?? "dotnet";

        // The shell only opens the log file and becomes the server.
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        foreach (var argument in (string[])["-c", "exec \"$0\" \"$1\" serve --roles \"$2\" >\"$3\" 2>&1 </dev/null", dotnet, server, roles, log])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.Environment["FNQ_DATA"] = folder;
        start.Environment["FNQ_PORT"] = $"{port}";
        start.Environment["FNQ_ACCESS_KEY_ID"] = settings.Endpoint.AccessKeyId;
        start.Environment["FNQ_SECRET_ACCESS_KEY"] = settings.Endpoint.SecretAccessKey;
        var endpoint = settings.Endpoint with { Address = new Uri($"http://localhost:{port}") };
        var process = new ServerProcess(Process.Start(start)!, endpoint, log);
        await process.WaitUntilReadyAsync(cancellationToken);
        return process;
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await Shell.RunAsync("kill", ["-TERM", $"{Pid}"]);
            await _process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(45)).Token);
        }

        _process.Dispose();
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        await Until.TrueAsync(
            async token => _process.HasExited || await IsReadyAsync(http, token), "fnq serve is ready", TimeSpan.FromSeconds(60), cancellationToken);
        if (_process.HasExited)
        {
            throw new InvalidOperationException($"fnq serve ended:\n{await File.ReadAllTextAsync(_log, cancellationToken)}");
        }
    }

    private async Task<bool> IsReadyAsync(HttpClient http, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(Endpoint.Address, "/readyz"), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }
}
