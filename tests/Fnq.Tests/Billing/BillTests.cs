using Fnq.Billing;
using Xunit;

namespace Fnq.Tests.Billing;

public sealed class BillTests
{
    private static readonly DateOnly Start = new(2020, 1, 1);
    private static readonly DateOnly November = new(2026, 11, 1);

    private static readonly PriceList Prices = new(
        [
            new Price("*", PriceItems.Request, "*", 0, 0.0000002m, Start),
            new Price("*", PriceItems.GbSecond, "x86_64", 0, 0.0000166667m, Start),
            new Price("*", PriceItems.GbSecond, "x86_64", 6_000_000_000, 0.0000150000m, Start),
            new Price("*", PriceItems.GbSecond, "x86_64", 15_000_000_000, 0.0000133334m, Start),
            new Price("*", PriceItems.GbSecond, "arm64", 0, 0.0000133334m, Start),
            new Price("*", PriceItems.EphemeralGbSecond, "*", 0, 0.0000000309m, Start),
        ],
        [
            new FreeAllowance("*", PriceItems.Request, 1_000_000, Start),
            new FreeAllowance("*", PriceItems.GbSecond, 400_000, Start),
        ]);

    [Fact]
    public void Aws_own_example_comes_out_as_on_its_page()
    {
        // 3 million requests of 120 ms at 1,536 MB: 540,000 GB-seconds, $2.33 and $0.40.
        var bill = Of(new(PriceItems.Request, "*", 3_000_000), new(PriceItems.GbSecond, "x86_64", 540_000));

        Assert.Equal(2.33m, Math.Round(Line(bill, PriceItems.GbSecond).Usd, 2));
        Assert.Equal(0.40m, Line(bill, PriceItems.Request).Usd);
        Assert.Equal(2.73m, Math.Round(bill.TotalUsd, 2));
    }

    [Fact]
    public void Inside_the_free_allowance_nothing_is_paid() =>
        Assert.Equal(0, Of(new(PriceItems.Request, "*", 1_000_000), new(PriceItems.GbSecond, "x86_64", 400_000)).TotalUsd);

    [Theory]
    [InlineData("6000000000", "100000.2")]
    [InlineData("6000000001", "100000.200015")]
    [InlineData("15000000000", "235000.2")]
    [InlineData("15000000001", "235000.2000133334")]
    public void Each_tier_is_paid_at_its_own_price(string billable, string usd) =>
        Assert.Equal(
            decimal.Parse(usd),
            Of(new UsageLine(PriceItems.GbSecond, "x86_64", decimal.Parse(billable) + 400_000)).TotalUsd);

    [Fact]
    public void The_dearer_architecture_takes_the_allowance_first()
    {
        var bill = Of(new(PriceItems.GbSecond, "arm64", 300_000), new(PriceItems.GbSecond, "x86_64", 300_000));

        Assert.Equal(300_000, bill.Lines.Single(line => line.Architecture == "x86_64").FreeUnits);
        Assert.Equal(200_000 * 0.0000133334m, bill.TotalUsd);
    }

    [Fact]
    public void Ephemeral_storage_has_no_allowance() =>
        Assert.Equal(30.9m, Of(new UsageLine(PriceItems.EphemeralGbSecond, "*", 1_000_000_000)).TotalUsd);

    [Fact]
    public void A_new_price_holds_from_its_date_and_a_regions_own_price_before_the_general_one()
    {
        var prices = Prices with
        {
            Prices =
            [
                .. Prices.Prices,
                new Price("*", PriceItems.Request, "*", 0, 0.0000003m, new DateOnly(2026, 11, 2)),
                new Price("eu-central-1", PriceItems.Request, "*", 0, 0.0000004m, Start),
            ],
        };

        Assert.Equal(0.0000002m, prices.Tiers("us-east-1", PriceItems.Request, "*", November)[0].UsdPerUnit);
        Assert.Equal(0.0000003m, prices.Tiers("us-east-1", PriceItems.Request, "*", new DateOnly(2026, 12, 1))[0].UsdPerUnit);
        Assert.Equal(0.0000004m, prices.Tiers("eu-central-1", PriceItems.Request, "*", November)[0].UsdPerUnit);
    }

    [Fact]
    public void A_missing_price_is_an_error_and_not_a_gift() =>
        Assert.Throws<InvalidOperationException>(() => Of(new UsageLine(PriceItems.GbSecond, "riscv64", 1)));

    private static Bill Of(params UsageLine[] usage) => Bill.Of("us-east-1", November, usage, Prices);

    private static BillLine Line(Bill bill, string item) => bill.Lines.Single(line => line.Item == item);
}
