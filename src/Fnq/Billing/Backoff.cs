namespace Fnq.Billing;

/// <summary>Waits between tries: doubling from 100 ms to 5 s, each with up to half of it taken off at random.</summary>
internal static class Backoff
{
    private const double FirstMilliseconds = 100;
    private const double LastMilliseconds = 5_000;

    /// <param name="failures">Tries that failed in a row, from 1.</param>
    /// <param name="random">From 0 to below 1.</param>
    public static TimeSpan Delay(int failures, double random)
    {
        var whole = Math.Min(LastMilliseconds, FirstMilliseconds * Math.Pow(2, Math.Min(failures, 16) - 1));
        return TimeSpan.FromMilliseconds(whole * (1 - (random / 2)));
    }
}
