using Fnq.Contracts;

namespace Fnq.Invocations.Events;

/// <summary>One function holds at most half of what a process holds of a queue: the other half is for those behind it.</summary>
internal sealed class EventShares(TimeProvider time)
{
    /// <summary>Short runs free a place within it; whoever waits longer is better off on the delay ladder.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Dictionary<(string, FunctionKey), Share> _shares = [];

    /// <summary>Null when its function has had as many as it may for a while.</summary>
    public async Task<IDisposable?> TryEnterAsync(EventQueueName queue, FunctionKey function)
    {
        var share = Join((queue.Value, function), Math.Max(1, queue.Prefetch / 2));
        if (await WaitAsync(share.Places))
        {
            return new Place(this, share);
        }

        Leave(share);
        return null;
    }

    private async Task<bool> WaitAsync(SemaphoreSlim places)
    {
        if (places.Wait(0))
        {
            return true;
        }

        using var limit = new CancellationTokenSource(Patience, time);
        try
        {
            await places.WaitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private Share Join((string, FunctionKey) key, int places)
    {
        lock (_shares)
        {
            if (!_shares.TryGetValue(key, out var share))
            {
                _shares[key] = share = new Share(key, new SemaphoreSlim(places));
            }

            share.Users++;
            return share;
        }
    }

    private void Leave(Share share)
    {
        lock (_shares)
        {
            if (--share.Users == 0)
            {
                _shares.Remove(share.Key);
            }
        }
    }

    private sealed class Share((string, FunctionKey) key, SemaphoreSlim places)
    {
        public (string, FunctionKey) Key => key;
        public SemaphoreSlim Places => places;
        public int Users { get; set; }
    }

    private sealed class Place(EventShares shares, Share share) : IDisposable
    {
        public void Dispose()
        {
            share.Places.Release();
            shares.Leave(share);
        }
    }
}
