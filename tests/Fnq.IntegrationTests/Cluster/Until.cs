using System.Diagnostics;

namespace Fnq.IntegrationTests.Cluster;

/// <summary>Waits on a condition with a deadline; the one place of the tests that looks again and again.</summary>
internal static class Until
{
    /// <summary>How much longer everything may take: an emulated machine (tests/vm) is an order of magnitude slower.</summary>
    private static readonly int Slowness =
        int.TryParse(Environment.GetEnvironmentVariable("FNQ_TEST_SLOWNESS"), out var factor) ? Math.Clamp(factor, 1, 100) : 1;

    public static TimeSpan OnThisMachine(TimeSpan limit) => limit * Slowness;

    public static Task TrueAsync(Func<bool> condition, string what, TimeSpan? limit = null) =>
        TrueAsync(() => Task.FromResult(condition()), what, limit);

    public static async Task TrueAsync(Func<Task<bool>> condition, string what, TimeSpan? limit = null)
    {
        var deadline = Stopwatch.GetTimestamp() + (OnThisMachine(limit ?? TimeSpan.FromSeconds(30)).Ticks * Stopwatch.Frequency / TimeSpan.TicksPerSecond);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(25));
        while (!await condition())
        {
            if (Stopwatch.GetTimestamp() > deadline)
            {
                throw new TimeoutException($"Did not come true in time: {what}");
            }

            await tick.WaitForNextTickAsync();
        }
    }
}
