using System.Diagnostics;

namespace Fnq.Execution.Sandboxes.Egress;

/// <summary>The nft program, told by its standard input: a ruleset is taken whole or not at all.</summary>
internal sealed class Nft(string path)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Null when it is not installed.</summary>
    internal static Nft? Find() => OciRuntime.Find("nft") is { } path ? new Nft(path) : null;

    /// <exception cref="SandboxException">It refused, in its own words.</exception>
    internal async Task ApplyAsync(string ruleset)
    {
        var start = new ProcessStartInfo(path, ["-f", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start) ?? throw new SandboxException($"{path} did not start");
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.StandardInput.WriteAsync(ruleset.AsMemory(), limit.Token);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
            if (process.ExitCode != 0)
            {
                throw new SandboxException($"{path} ended with {process.ExitCode}: {(await error).Trim()}");
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            process.Kill();
            throw new SandboxException($"{path} did not answer: {e.Message}", e);
        }
    }
}
