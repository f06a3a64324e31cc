using Fnq.Billing;
using Fnq.Contracts;
using Xunit;

namespace Fnq.Tests.Billing;

public sealed class RecordCodecTests
{
    /// <summary>What version 1 looks like on the bus; it may grow at its end and change nowhere else.</summary>
    private const string Version1 =
        "01019ab5de00007000800000000000000111111111222243338444555555555555183132333435363738393031321275"
        + "732d656173742d311868656c6c6f2d77c3b6726c640e244c41544553545a3132333435363738393031322d75732d6561"
        + "73742d312d68656c6c6f2d303132333435363738396162636465660c7838365f363406617069020280048008ce010000"
        + "00000000024000000000002059404e000c6e6f64652d310a656e762d31808089f4ce88a5df11";

    [Fact]
    public void A_record_survives_the_round_trip()
    {
        var record = BillingSamples.Record() with { BilledMilliseconds = 900_000, Outcome = RunOutcome.PlatformLost, Delivery = 2 };

        Assert.Equal(record, RecordCodec.Read(Written(record)));
    }

    [Fact]
    public void The_wire_format_is_what_older_and_newer_versions_read()
    {
        var bytes = Written(BillingSamples.Record(new Guid("019ab5de-0000-7000-8000-000000000001")));

        Assert.Equal(Version1, Convert.ToHexString(bytes), ignoreCase: true);
    }

    [Fact]
    public void Bytes_that_a_newer_version_appended_are_ignored()
    {
        var record = BillingSamples.Record();

        Assert.Equal(record, RecordCodec.Read([.. Written(record), 1, 2, 3]));
    }

    [Fact]
    public void Every_cut_is_refused()
    {
        var bytes = Written(BillingSamples.Record());

        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.Throws<FormatException>(() => RecordCodec.Read(bytes.AsSpan(0, length)));
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(0)]
    public void Another_version_is_refused(byte version)
    {
        var bytes = Written(BillingSamples.Record());
        bytes[0] = version;

        Assert.Throws<FormatException>(() => RecordCodec.Read(bytes));
    }

    [Fact]
    public void What_the_table_would_refuse_is_refused_here()
    {
        Assert.Throws<FormatException>(() => RecordCodec.Read(Written(BillingSamples.Record() with { Trigger = "a\0b" })));
        Assert.Throws<FormatException>(() => RecordCodec.Read(Written(BillingSamples.Record() with { Outcome = (RunOutcome)99 })));
    }

    [Fact]
    public void The_day_of_a_run_is_the_utc_day_in_its_id()
    {
        var lastMoment = new DateTimeOffset(2026, 11, 24, 23, 59, 59, 999, TimeSpan.Zero);

        Assert.Equal(new DateOnly(2026, 11, 24), RunDay.Of(new RunId(Guid.CreateVersion7(lastMoment))));
        Assert.Equal(new DateOnly(2026, 11, 25), RunDay.Of(new RunId(Guid.CreateVersion7(lastMoment.AddMilliseconds(1)))));
    }

    [Theory]
    [InlineData("11111111-2222-4333-8444-555555555555")]
    [InlineData("ffffffff-ffff-7fff-8fff-ffffffffffff")]
    [InlineData("00000000-0000-7000-8000-000000000000")]
    public void An_id_from_no_clock_has_no_day(string id) =>
        Assert.Throws<FormatException>(() => RunDay.Of(new RunId(new Guid(id))));

    private static byte[] Written(InvocationRecord record)
    {
        var buffer = new byte[BillingLimits.FrameBytes];
        return buffer[..RecordCodec.Write(record, buffer)];
    }
}
