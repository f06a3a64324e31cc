using System.Collections.Concurrent;
using Fnq.Contracts;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Fnq.Invocations;

/// <summary>
/// Looks once a second, and only while requests are under way, at the lanes of those that wait for over a second: a lane
/// without a consumer has lost its workers, and a help notice brings another one, which then finds the messages with
/// their redelivered flag as the broker set it.
/// </summary>
internal sealed partial class LaneWatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

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
                await HelpIfDesertedAsync(deployment);
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

    private async Task HelpIfDesertedAsync(DeploymentId deployment)
    {
        var channel = await ChannelAsync();
        try
        {
            var lane = await channel.QueueDeclarePassiveAsync(LaneTopology.LaneOf(deployment));
            if (lane.ConsumerCount > 0)
            {
                return;
            }
        }
        catch (OperationInterruptedException)
        {
            return; // No lane yet: the message is in the cold queue, where every worker with room sees it.
        }

        LogDeserted(deployment.Value);
        await channel.BasicPublishAsync(
            "", LaneTopology.ColdQueue, mandatory: true, LaneTopology.HelpNotice(),
            System.Text.Encoding.UTF8.GetBytes(deployment.Value));
    }

    private async Task<IChannel> ChannelAsync()
    {
        if (_channel is { IsOpen: true } open)
        {
            return open;
        }

        return _channel = await (_connection ?? throw new OperationCanceledException()).CreateChannelAsync();
    }

    [LoggerMessage(2110, LogLevel.Warning, "The lane of {Deployment} has no worker any more; calling for one")]
    private partial void LogDeserted(string deployment);

    [LoggerMessage(2111, LogLevel.Debug, "The lanes could not be looked at")]
    private partial void LogLookFailed(Exception error);
}
