namespace Fnq.Benchmarks;

/// <summary>One measured number, and the yardstick of the same minute where there is one.</summary>
/// <param name="Id">As in performance.md: <c>P1</c>, <c>P2.p50</c>.</param>
/// <param name="Note">What else must be known to read it.</param>
internal sealed record Figure(string Id, double Value, string Unit, double? Yardstick = null, string Note = "")
{
    public double? Ratio => Yardstick is { } yardstick and > 0 ? Value / yardstick : null;

    /// <summary>The middle of several figures of one id by its ratio where it has one, so that value and yardstick stay of one round.</summary>
    public static Figure Median(IEnumerable<Figure> rounds)
    {
        List<Figure> sorted = [.. rounds.OrderBy(figure => figure.Ratio ?? figure.Value)];
        return sorted[sorted.Count / 2];
    }
}

/// <summary>A row of performance.md: measures, verifies what it measured, and leaves nothing behind.</summary>
internal interface IRow
{
    string Id { get; }

    string Title { get; }

    Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken);
}
