using Fnq.Billing;
using Xunit;

namespace Fnq.Tests.Billing;

public sealed class RecordFrameTests
{
    [Fact]
    public void Every_cut_tail_leaves_the_frames_before_it()
    {
        var frame = BillingSamples.Frame(BillingSamples.Record());
        byte[] three = [.. frame, .. frame, .. frame];

        for (var length = 2 * frame.Length; length < three.Length; length++)
        {
            Assert.Equal((2 * frame.Length, 2), RecordFrame.WholePrefix(three.AsSpan(0, length), 1_000));
        }

        Assert.Equal((three.Length, 3), RecordFrame.WholePrefix(three, 1_000));
        Assert.Equal((2 * frame.Length, 2), RecordFrame.WholePrefix(three, 2));
    }

    [Fact]
    public void Every_flipped_byte_is_noticed()
    {
        var frame = BillingSamples.Frame(BillingSamples.Record());

        for (var index = 0; index < frame.Length; index++)
        {
            frame[index] ^= 0x20;
            Assert.NotEqual(FrameStatus.Whole, RecordFrame.TryRead(frame, out _));
            frame[index] ^= 0x20;
        }
    }

    [Fact]
    public void A_record_too_long_to_be_true_is_refused()
    {
        var record = BillingSamples.Record() with { Environment = new string('e', BillingLimits.FrameBytes) };

        Assert.Throws<FormatException>(() => BillingSamples.Frame(record));
    }

    [Fact]
    public void A_bad_record_does_not_take_its_neighbours_along()
    {
        var good = BillingSamples.Frame(BillingSamples.Record());
        var bad = BillingSamples.Frame(BillingSamples.Record(Guid.Empty));
        var batch = new RecordBatch();

        batch.Add([.. good, .. bad, .. good]);

        Assert.Equal(2, batch.Rows.Count);
        Assert.Equal(bad, Assert.Single(batch.Dead).Bytes.ToArray());
    }

    [Fact]
    public void Behind_a_damaged_frame_all_is_dead_and_kept()
    {
        var good = BillingSamples.Frame(BillingSamples.Record());
        var batch = new RecordBatch();

        batch.Add([.. good, .. "not a record at all"u8]);

        Assert.Single(batch.Rows);
        Assert.Equal("not a record at all"u8.ToArray(), Assert.Single(batch.Dead).Bytes.ToArray());
    }
}
