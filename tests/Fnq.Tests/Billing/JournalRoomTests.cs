using Fnq.Billing;
using Fnq.Tests.Telemetry;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Fnq.Tests.Billing;

public sealed class JournalRoomTests : IDisposable
{
    private static readonly BillingOptions Bounded = new()
    {
        DataFolder = "/nowhere", PlatformAmqpUrl = "amqp://nobody", JournalMaxBytes = 1_000, DiskReserveBytes = 500,
    };

    private readonly string _data = Directory.CreateTempSubdirectory("fnq-room-").FullName;
    private readonly FakeTimeProvider _time = new(BillingSamples.Noon);
    private readonly LogLines _lines = new();

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Theory]
    [InlineData(0, 500, true)]
    [InlineData(999, 500, true)]
    [InlineData(1_000, long.MaxValue, false)]
    [InlineData(0, 499, false)]
    public void There_is_room_below_the_bound_and_above_the_reserve(long backlog, long free, bool isThere) =>
        Assert.Equal(isThere, JournalRoom.IsThere(backlog, free, Bounded));

    [Fact]
    public void A_change_is_said_once()
    {
        var room = new JournalRoom(Bounded, _data, _time, _lines.CreateLogger("journal"));

        Assert.Equal([true, false, false, true, true], new long[] { 10, 1_000, 2_000, 999, 0 }.Select(room.IsThere));

        Assert.Collection(
            _lines.All,
            full => Assert.StartsWith($"No room for records in the run journal {_data}: 1000 of 1000 bytes wait", full.Text, StringComparison.Ordinal),
            again => Assert.Equal($"The run journal {_data} has room again", again.Text));
    }

    [Fact]
    public void A_disk_with_less_than_its_reserve_takes_none_and_is_looked_at_again_after_a_second()
    {
        var more = Bounded with { DiskReserveBytes = new DriveInfo(_data).AvailableFreeSpace + (1L << 40) };
        var room = new JournalRoom(more, _data, _time, _lines.CreateLogger("journal"));
        Assert.False(room.IsThere(0));

        Directory.Delete(_data);
        Assert.False(room.IsThere(0));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(room.IsThere(0));
        Directory.CreateDirectory(_data);
        Assert.Single(_lines.All);
    }

    [Fact]
    public async Task A_journal_at_its_bound_has_room_again_once_the_broker_has_taken_some()
    {
        using var journal = new RunJournal(
            Bounded with { DataFolder = _data, DiskReserveBytes = 0 }, _time, BillingSamples.Meters(), NullLogger<RunJournal>.Instance);
        for (var count = 0; journal.HasRoom; count++)
        {
            Assert.InRange(count, 0, 1_000);
            await journal.AppendAsync(BillingSamples.Record());
        }

        Assert.InRange(journal.BacklogBytes, 1_000, 1_000 + BillingLimits.FrameBytes);
        journal.Confirm(journal.Next(new byte[BillingLimits.BatchBytes])!.Value);
        Assert.True(journal.HasRoom);
    }
}
