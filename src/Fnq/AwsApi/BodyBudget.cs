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

    private readonly long _limit = limit;
    private long _held;

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

        public void Dispose() => Interlocked.Add(ref budget._held, -Interlocked.Exchange(ref _bytes, 0));
    }
}
