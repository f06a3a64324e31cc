namespace Fnq.Benchmarks.Load;

/// <summary>Waits on a condition with a deadline.</summary>
internal static class Until
{
    public static async Task TrueAsync(
        Func<CancellationToken, Task<bool>> condition, string what, TimeSpan limit, CancellationToken cancellationToken)
    {
        var begun = TimeProvider.System.GetTimestamp();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition(cancellationToken))
        {
            if (TimeProvider.System.GetElapsedTime(begun) > limit)
            {
                throw new TimeoutException($"Did not come true in {limit.TotalSeconds:0} s: {what}");
            }

            await tick.WaitForNextTickAsync(cancellationToken);
        }
    }
}
