using Microsoft.AspNetCore.Http;

namespace Fnq.AwsApi;

/// <summary>
/// How much memory all request bodies may hold together, counted as they come and until their requests are answered:
/// neither announcements nor ten thousand slow senders can take more.
/// </summary>
internal sealed class BodyBudget(long limit)
{
    /// <summary>Smaller bodies are not counted: 10,000 connections of them are bounded by themselves.</summary>
    public const int FreeBytes = 64 * 1024;

    /// <summary>What lies in the heap from so many bytes of large bodies is collected: on a machine with much memory nothing else would.</summary>
    private const long CollectAfter = 32L << 20;

    private readonly long _limit = limit;
    private long _held;
    private long _left;

    public static BodyBudget OfThisMachine() => new(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8);

    internal long Held => Interlocked.Read(ref _held);

    /// <summary>Counts a body's buffer that grows; given back when the request has been answered.</summary>
    /// <exception cref="AwsException">Others hold all there is: the caller is to come back in a moment.</exception>
    public void Take(HttpContext http, ref IDisposable? share, long bytes)
    {
        var mine = (Share?)share;
        if (mine is null)
        {
            share = mine = new Share(this);
            http.Response.RegisterForDispose(mine);
        }

        if (!mine.TryTake(bytes))
        {
            throw new AwsException(
                StatusCodes.Status429TooManyRequests, "TooManyRequestsException", "Rate Exceeded.", MessageMember.Lower)
            {
                Reason = "CallerRateLimitExceeded", RetryAfterSeconds = 1,
            };
        }
    }

    /// <summary>Once nobody holds any: a collection in the middle of many would find little.</summary>
    private void GiveBack(long bytes)
    {
        var left = Interlocked.Add(ref _left, bytes);
        if (Interlocked.Add(ref _held, -bytes) == 0 && left >= CollectAfter && Interlocked.CompareExchange(ref _left, 0, left) == left)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static _ => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive), null);
        }
    }

    private sealed class Share(BodyBudget budget) : IDisposable
    {
        private long _bytes;

        public bool TryTake(long bytes)
        {
            if (Interlocked.Add(ref budget._held, bytes) > budget._limit)
            {
                Interlocked.Add(ref budget._held, -bytes);
                return false;
            }

            _bytes += bytes;
            return true;
        }

        public void Dispose() => budget.GiveBack(Interlocked.Exchange(ref _bytes, 0));
    }
}
