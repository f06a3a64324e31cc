using System.Collections.Concurrent;
using Fnq.Contracts;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Fnq.Invocations;

/// <summary>
/// Looks twice a second, and only while requests are under way, at the lanes of those that have waited since: a lane
/// without a consumer has lost its workers, and what lies there is rescued.
/// </summary>
internal sealed partial class LaneWatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<string, PendingInvocation> _pending;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private IConnection? _connection;
    private IChannel? _channel;
    private int _armed;

    public LaneWatch(ConcurrentDictionary<string, PendingInvocation> pending, TimeProvider time, ILogger logger)
    {
        (_pending, _time, _logger) = (pending, time, logger);
        _timer = time.CreateTimer(_ => _ = LookAsync(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Use(IConnection connection) => (_connection, _channel) = (connection, null);

    public void Arm()
    {
        if (Volatile.Read(ref _armed) == 0 && Interlocked.Exchange(ref _armed, 1) == 0)
        {
            _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private async Task LookAsync()
    {
        try
        {
            var lanes = _pending.Values
                .Where(pending => _time.GetElapsedTime(pending.SentAt) >= Interval * 0.9)
                .Select(pending => pending.Request.Deployment).Distinct().ToList();
            foreach (var deployment in lanes)
            {
                await RescueIfDesertedAsync(deployment);
            }

            if (lanes.Count > 0)
            {
                await LaneRescue.RescueColdAsync(await ChannelAsync(), CancellationToken.None);
            }
        }
        catch (Exception error) when (error is AlreadyClosedException or OperationInterruptedException or OperationCanceledException or TimeoutException)
        {
            LogLookFailed(error);
        }
        finally
        {
            Volatile.Write(ref _armed, 0);
            if (!_pending.IsEmpty)
            {
                Arm();
            }
        }
    }

    private async Task RescueIfDesertedAsync(DeploymentId deployment)
    {
        try
        {
            if (await LaneRescue.RescueAsync(await ChannelAsync(), deployment, CancellationToken.None) is > 0 and var lost)
            {
                LogDeserted(deployment.Value, lost);
            }
        }
        catch (OperationInterruptedException)
        {
            // No lane: the message is in the cold queue, where every worker with room sees it.
        }
    }

    private async Task<IChannel> ChannelAsync()
    {
        if (_channel is { IsOpen: true } open)
        {
            return open;
        }

        return _channel = await (_connection ?? throw new OperationCanceledException()).CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
    }

    [LoggerMessage(2110, LogLevel.Warning, "The lane of {Deployment} has no worker any more; {Lost} of its runs are lost")]
    private partial void LogDeserted(string deployment, int lost);

    [LoggerMessage(2111, LogLevel.Debug, "The lanes could not be looked at")]
    private partial void LogLookFailed(Exception error);
}
