using System.Collections.Concurrent;
using Fnq.Amqp;
using Fnq.Contracts;

namespace Fnq.Invocations;

/// <summary>
/// Looks twice a second, and only while requests are under way, at the lanes of those that have waited since: a lane
/// without a consumer has lost its workers, and what lies there is rescued. What has waited longer than anything may take is lost.
/// </summary>
internal sealed partial class LaneWatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<string, PendingInvocation> _pending;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private AmqpConnection? _connection;
    private AmqpChannel? _channel;
    private int _armed;

    public LaneWatch(ConcurrentDictionary<string, PendingInvocation> pending, TimeProvider time, ILogger logger)
    {
        (_pending, _time, _logger) = (pending, time, logger);
        _timer = time.CreateTimer(_ => _ = LookAsync(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Use(AmqpConnection connection) => (_connection, _channel) = (connection, null);

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
            var now = _time.GetTimestamp();
            foreach (var pending in _pending.Values.Where(pending => pending.GivenUpAt <= now))
            {
                pending.Reply.TrySetResult(null);
            }

            var lanes = _pending.Values
                .Where(pending => _time.GetElapsedTime(pending.SentAt) >= Interval * 0.9)
                .Select(pending => pending.Request.Deployment).Distinct().ToList();
            foreach (var deployment in lanes)
            {
                await RescueIfDesertedAsync(deployment);
            }

            if (lanes.Count > 0)
            {
                await LaneRescue.RescueColdAsync(await ChannelAsync());
            }
        }
        catch (IOException error)
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
            if (await LaneRescue.RescueAsync(await ChannelAsync(), deployment) is > 0 and var lost)
            {
                LogDeserted(deployment.Value, lost);
            }
        }
        catch (AmqpClosedException closed) when (closed.Code == AmqpClosedException.NotFound)
        {
            // No lane: the message is in the cold queue, where every worker with room sees it.
        }
    }

    private async Task<AmqpChannel> ChannelAsync()
    {
        if (_channel is { IsOpen: true } open)
        {
            return open;
        }

        return _channel = await (_connection ?? throw new IOException("The broker connection of callers is down")).OpenChannelAsync(confirms: true);
    }

    [LoggerMessage(2110, LogLevel.Warning, "The lane of {Deployment} has no worker any more; {Lost} of its runs are lost")]
    private partial void LogDeserted(string deployment, int lost);

    [LoggerMessage(2111, LogLevel.Debug, "The lanes could not be looked at")]
    private partial void LogLookFailed(Exception error);
}
