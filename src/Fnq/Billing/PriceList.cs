namespace Fnq.Billing;

/// <summary>What is metered; the names are those of the <c>prices</c> table.</summary>
internal static class PriceItems
{
    public const string Request = "request";
    public const string GbSecond = "gb_second";
    public const string EphemeralGbSecond = "ephemeral_gb_second";
    public const string ProvisionedGbSecond = "provisioned_gb_second";
    public const string ProvisionedDurationGbSecond = "provisioned_duration_gb_second";

    /// <summary>Any region, or any architecture.</summary>
    public const string Any = "*";
}

/// <summary>US dollars a unit from <paramref name="TierFrom"/> units a month upwards.</summary>
internal sealed record Price(string Region, string Item, string Architecture, decimal TierFrom, decimal UsdPerUnit, DateOnly EffectiveFrom);

internal sealed record FreeAllowance(string Region, string Item, decimal UnitsAMonth, DateOnly EffectiveFrom);

internal readonly record struct Tier(decimal From, decimal UsdPerUnit);

/// <summary>All prices that ever held. A month is billed at the prices of its first day.</summary>
internal sealed record PriceList(IReadOnlyList<Price> Prices, IReadOnlyList<FreeAllowance> FreeAllowances)
{
    /// <summary>In ascending order of quantity. A region's own prices replace the general ones, a newer date all older ones.</summary>
    /// <exception cref="InvalidOperationException">No price: a bill must not silently be zero.</exception>
    public IReadOnlyList<Tier> Tiers(string region, string item, string architecture, DateOnly day)
    {
        var candidates = Prices.Where(price => price.Item == item && price.EffectiveFrom <= day
            && price.Region.Matches(region) && price.Architecture.Matches(architecture)).ToList();
        var chosen = candidates
            .GroupBy(price => (price.Region, price.Architecture, price.EffectiveFrom))
            .OrderByDescending(group => group.Key.Region != PriceItems.Any)
            .ThenByDescending(group => group.Key.Architecture != PriceItems.Any)
            .ThenByDescending(group => group.Key.EffectiveFrom)
            .FirstOrDefault()
            ?? throw new InvalidOperationException($"There is no price for {item} on {architecture} in {region} on {day:O}.");
        return [.. chosen.OrderBy(price => price.TierFrom).Select(price => new Tier(price.TierFrom, price.UsdPerUnit))];
    }

    public decimal FreeUnits(string region, string item, DateOnly day) => FreeAllowances
        .Where(free => free.Item == item && free.EffectiveFrom <= day && free.Region.Matches(region))
        .OrderByDescending(free => free.Region != PriceItems.Any)
        .ThenByDescending(free => free.EffectiveFrom)
        .Select(free => free.UnitsAMonth)
        .FirstOrDefault();
}

internal static class PriceMatching
{
    public static bool Matches(this string pattern, string value) => pattern == PriceItems.Any || pattern == value;
}
