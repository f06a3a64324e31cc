using Fnq.Contracts;
using Fnq.Dispatch;
using Microsoft.Extensions.Hosting;

namespace Fnq.Triggers.RabbitMq;

/// <summary>Has a listener for every mapping that this process has the lease of, and hears of changes by asking for its leases again.</summary>
internal sealed partial class QueueListeners(
    IQueueMappings mappings, NodeId self, ListenerParts parts, TimeProvider time, ILogger<QueueListeners> logger) : BackgroundService
{
    /// <summary>Without renewal another process takes over after this.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Of a mapping that is changed, disabled or deleted: as long as a function may run.</summary>
    private static readonly TimeSpan DrainTime = TimeSpan.FromMinutes(16);

    /// <summary>Of a process that is told to stop.</summary>
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(20);

    private readonly Dictionary<Guid, QueueListener> _listeners = [];
    private readonly Dictionary<Guid, string?> _reported = [];
    private long _claimedAt;

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        var ids = _listeners.Keys.ToList();
        await Task.WhenAll(_listeners.Values.Select(listener => listener.StopAsync(StopTime)));
        _listeners.Clear();
        try
        {
            await mappings.ReleaseAsync(self, ids, cancellationToken);
        }
        catch (Exception failure)
        {
            LogFailed(failure); // They run out by themselves.
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(Interval, time);
        _claimedAt = time.GetTimestamp();
        do
        {
            try
            {
                await TurnAsync(stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(failure);
                if (time.GetElapsedTime(_claimedAt) >= Lease)
                {
                    Keep([]); // Others have them by now.
                }
            }
        }
        while (await tick.WaitForNextTickAsync(stoppingToken));
    }

    private async Task TurnAsync(CancellationToken stoppingToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        limit.CancelAfter(Patience);
        var asked = time.GetTimestamp();
        var claimed = await mappings.ClaimAsync(self, Lease, limit.Token);
        _claimedAt = asked;
        Keep(claimed);
        await ReportAsync(limit.Token);
    }

    /// <summary>A listener for each of these as it is now, and for no other.</summary>
    private void Keep(IReadOnlyList<QueueMapping> claimed)
    {
        var wanted = claimed.ToDictionary(mapping => mapping.Id);
        foreach (var (id, listener) in _listeners.Where(pair => wanted.GetValueOrDefault(pair.Key)?.Revision != pair.Value.Mapping.Revision).ToList())
        {
            _listeners.Remove(id);
            LogStopped(listener.Mapping.Queue, id);
            _ = EndAsync(listener);
        }

        foreach (var mapping in claimed.Where(mapping => !_listeners.ContainsKey(mapping.Id)))
        {
            LogStarted(mapping.Queue, mapping.Id, mapping.Function.Arn);
            _listeners[mapping.Id] = new QueueListener(mapping, parts);
            _reported.Remove(mapping.Id);
        }
    }

    private static async Task EndAsync(QueueListener listener)
    {
        await listener.StopAsync(DrainTime);
        await listener.DisposeAsync();
    }

    private async Task ReportAsync(CancellationToken cancellationToken)
    {
        var news = _listeners.Values
            .Where(listener => !_reported.TryGetValue(listener.Mapping.Id, out var before) || before != listener.LastError)
            .Select(listener => new QueueReport(listener.Mapping.Id, listener.LastError)).ToList();
        if (news.Count == 0)
        {
            return;
        }

        await mappings.ReportAsync(self, news, cancellationToken);
        news.ForEach(report => _reported[report.Mapping] = report.Error);
    }

    [LoggerMessage(2330, LogLevel.Warning, "Leases of event source mappings could not be renewed")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(2331, LogLevel.Information, "Listening to the queue {Queue} by event source mapping {Mapping} for {Function}")]
    private partial void LogStarted(string queue, Guid mapping, string function);

    [LoggerMessage(2332, LogLevel.Information, "No longer listening to the queue {Queue} by event source mapping {Mapping}")]
    private partial void LogStopped(string queue, Guid mapping);
}
