using Fnq.Execution.Sandboxes;
using Microsoft.Extensions.Hosting;

namespace Fnq.Execution;

/// <summary>
/// Workers of one host sweep for each other while they live: a killed one may never be started again. With nothing dead
/// a look is a directory listing and a lock attempt for each worker.
/// </summary>
internal sealed partial class PeerSweep(ISandboxBackend backend, TimeProvider time, ILogger<PeerSweep> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(Interval, time);
        while (await tick.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await backend.SweepAsync(stoppingToken);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                LogFailed(error);
            }
        }
    }

    [LoggerMessage(3210, LogLevel.Warning, "What dead workers left could not be swept; the next look tries again")]
    private partial void LogFailed(Exception error);
}
