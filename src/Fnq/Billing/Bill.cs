namespace Fnq.Billing;

/// <summary>A month's metered quantity of one item in one account and region.</summary>
internal sealed record UsageLine(string Item, string Architecture, decimal Units);

internal sealed record BillLine(string Item, string Architecture, decimal Units, decimal FreeUnits, decimal Usd);

internal sealed record Bill(string Region, DateOnly Month, IReadOnlyList<BillLine> Lines)
{
    public decimal TotalUsd => Lines.Sum(line => line.Usd);

    /// <summary>
    /// As AWS computes it: the free allowance comes off first and is shared by the architectures (the dearer one takes
    /// it first), then each architecture climbs its own tiers.
    /// </summary>
    public static Bill Of(string region, DateOnly month, IEnumerable<UsageLine> usage, PriceList prices)
    {
        var day = new DateOnly(month.Year, month.Month, 1);
        List<BillLine> lines = [];
        foreach (var item in usage.GroupBy(line => line.Item))
        {
            var free = prices.FreeUnits(region, item.Key, day);
            var priced = item.Select(line => (Line: line, Tiers: prices.Tiers(region, line.Item, line.Architecture, day)));
            foreach (var (line, tiers) in priced.OrderByDescending(pair => pair.Tiers[0].UsdPerUnit))
            {
                var taken = Math.Min(free, line.Units);
                free -= taken;
                lines.Add(new BillLine(line.Item, line.Architecture, line.Units, taken, Cost(line.Units - taken, tiers)));
            }
        }

        return new Bill(region, day, lines);
    }

    private static decimal Cost(decimal units, IReadOnlyList<Tier> tiers)
    {
        var cost = 0m;
        for (var index = 0; index < tiers.Count && units > tiers[index].From; index++)
        {
            var end = index + 1 < tiers.Count ? Math.Min(units, tiers[index + 1].From) : units;
            cost += (end - tiers[index].From) * tiers[index].UsdPerUnit;
        }

        return cost;
    }
}
