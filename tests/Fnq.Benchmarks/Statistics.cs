namespace Fnq.Benchmarks;

internal static class Statistics
{
    /// <summary>The smallest sample that at least this share of the samples does not exceed.</summary>
    public static double Percentile(IEnumerable<double> samples, double share)
    {
        double[] sorted = [.. samples.Order()];
        return sorted.Length == 0 ? double.NaN : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    public static double Median(IEnumerable<double> samples) => Percentile(samples, 0.5);
}
