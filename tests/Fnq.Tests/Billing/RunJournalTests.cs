using Fnq.Billing;
using Fnq.Contracts;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Fnq.Tests.Billing;

public sealed class RunJournalTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("fnq-journal-").FullName;
    private readonly FakeTimeProvider _time = new(BillingSamples.Noon);
    private readonly byte[] _buffer = new byte[BillingLimits.BatchBytes];

    private string Root => Path.Combine(_data, "journal");

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task What_is_appended_comes_out_in_order_until_it_is_confirmed()
    {
        using var journal = Open();
        var records = await AppendAsync(journal, 3);

        Assert.Equal(records, Read(journal.Next(_buffer)!.Value));
        var again = journal.Next(_buffer)!.Value;
        Assert.Equal(records, Read(again));
        journal.Confirm(again);

        Assert.Null(journal.Next(_buffer));
        Assert.Equal(0, journal.BacklogBytes);
    }

    [Fact]
    public async Task A_batch_has_a_limit_of_records()
    {
        using var journal = Open();
        await AppendAsync(journal, BillingLimits.BatchRecords + 1);

        Assert.Equal([BillingLimits.BatchRecords, 1], DrainCounts(journal));
    }

    [Fact]
    public async Task Records_of_a_dead_process_are_taken_over_from_where_it_was()
    {
        var dead = Open();
        await AppendAsync(dead, 2);
        dead.Confirm(dead.Next(_buffer)!.Value);
        var left = await AppendAsync(dead, 3);
        dead.Dispose();

        using var journal = Open();
        var batch = journal.Next(_buffer)!.Value;

        Assert.Equal(left, Read(batch));
        journal.Confirm(batch);
        Assert.Null(journal.Next(_buffer));
        Assert.Single(Directory.GetDirectories(Root));
        Assert.Single(Directory.GetFiles(Root, "*.lock"));
    }

    [Fact]
    public async Task Records_of_a_living_process_are_left_alone()
    {
        using var living = Open();
        await AppendAsync(living, 1);

        using var journal = Open();

        Assert.Null(journal.Next(_buffer));
        Assert.NotNull(living.Next(_buffer));
    }

    [Fact]
    public async Task A_peer_that_dies_later_is_found_by_the_next_look()
    {
        using var journal = Open();
        var dead = Open();
        await AppendAsync(dead, 1);
        journal.AdoptLeftovers();
        Assert.Null(journal.Next(_buffer));

        dead.Dispose();
        journal.AdoptLeftovers();

        Assert.NotNull(journal.Next(_buffer));
    }

    [Fact]
    public async Task A_torn_last_record_is_dropped_and_those_before_it_are_kept()
    {
        var dead = Open();
        var records = await AppendAsync(dead, 3);
        dead.Dispose();
        var segment = Assert.Single(Directory.GetFiles(Root, "*.segment", SearchOption.AllDirectories));
        using (var file = File.OpenWrite(segment))
        {
            file.SetLength(file.Length - 5);
        }

        using var journal = Open();
        var batch = journal.Next(_buffer)!.Value;

        Assert.Equal(records[..2], Read(batch));
        journal.Confirm(batch);
        Assert.Null(journal.Next(_buffer));
        Assert.False(File.Exists(segment));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(16)]
    public async Task A_segment_cut_in_its_header_holds_nothing(int length)
    {
        var dead = Open();
        await AppendAsync(dead, 1);
        dead.Dispose();
        using (var file = File.OpenWrite(Assert.Single(Directory.GetFiles(Root, "*.segment", SearchOption.AllDirectories))))
        {
            file.SetLength(length);
        }

        using var journal = Open();

        Assert.Null(journal.Next(_buffer));
        Assert.Single(Directory.GetDirectories(Root));
    }

    [Fact]
    public async Task Full_segments_are_deleted_once_confirmed()
    {
        using var journal = Open();
        var perSegment = BillingLimits.SegmentBytes / BillingSamples.Frame(BillingSamples.Record()).Length;
        await AppendAsync(journal, (3 * perSegment) + 10);
        Assert.Equal(4, Directory.GetFiles(Root, "*.segment", SearchOption.AllDirectories).Length);

        Assert.Equal((3 * perSegment) + 10, DrainCounts(journal).Sum());

        Assert.Single(Directory.GetFiles(Root, "*.segment", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_clean_stop_leaves_nothing_behind()
    {
        var journal = Open();
        await AppendAsync(journal, 5);
        journal.Confirm(journal.Next(_buffer)!.Value);

        journal.Dispose();

        Assert.Empty(Directory.GetFileSystemEntries(Root));
    }

    [Fact]
    public async Task Own_records_and_leftovers_take_turns()
    {
        var dead = Open();
        await AppendAsync(dead, 2 * BillingLimits.BatchRecords);
        dead.Dispose();
        using var journal = Open();
        await AppendAsync(journal, 2 * BillingLimits.BatchRecords);

        List<string> folders = [];
        while (journal.Next(_buffer) is { } batch)
        {
            folders.Add(Path.GetDirectoryName(batch.Segment.Path)!);
            journal.Confirm(batch);
        }

        Assert.Equal(4, folders.Count);
        Assert.NotEqual(folders[0], folders[1]);
        Assert.NotEqual(folders[2], folders[3]);
    }

    [Fact]
    public async Task Strict_waits_for_the_confirm()
    {
        using var journal = Open(strict: true);
        var append = journal.AppendAsync(BillingSamples.Record()).AsTask();
        var batch = journal.Next(_buffer)!.Value;
        Assert.False(append.IsCompleted);

        journal.Confirm(batch);

        await append;
    }

    [Fact]
    public async Task Strict_gives_up_after_the_confirm_timeout_and_keeps_the_record()
    {
        using var journal = Open(strict: true);
        var append = journal.AppendAsync(BillingSamples.Record()).AsTask();

        _time.Advance(TimeSpan.FromSeconds(2));

        await Assert.ThrowsAsync<JournalException>(() => append);
        Assert.NotNull(journal.Next(_buffer));
    }

    [Fact]
    public async Task Appends_from_many_threads_all_arrive_once()
    {
        using var journal = Open();
        var records = Enumerable.Range(0, 4_000).Select(_ => BillingSamples.Record()).ToArray();

        await Parallel.ForEachAsync(records, async (record, _) => await journal.AppendAsync(record));

        List<InvocationRecord> read = [];
        while (journal.Next(_buffer) is { } batch)
        {
            read.AddRange(Read(batch));
            journal.Confirm(batch);
        }

        Assert.Equal(records.Select(record => record.RunId.Value).Order(), read.Select(record => record.RunId.Value).Order());
    }

    private RunJournal Open(bool strict = false) => new(
        new BillingOptions { DataFolder = _data, PlatformAmqpUrl = "amqp://nobody", Strict = strict },
        _time, BillingSamples.Meters(), NullLogger<RunJournal>.Instance);

    private static async Task<InvocationRecord[]> AppendAsync(RunJournal journal, int count)
    {
        var records = Enumerable.Range(0, count).Select(_ => BillingSamples.Record()).ToArray();
        foreach (var record in records)
        {
            await journal.AppendAsync(record);
        }

        return records;
    }

    private List<int> DrainCounts(RunJournal journal)
    {
        List<int> counts = [];
        while (journal.Next(_buffer) is { } batch)
        {
            counts.Add(batch.Records);
            journal.Confirm(batch);
        }

        return counts;
    }

    private InvocationRecord[] Read(JournalBatch batch)
    {
        var decoded = new RecordBatch();
        decoded.Add(_buffer.AsSpan(0, batch.Bytes));
        Assert.Empty(decoded.Dead);
        return [.. decoded.Rows.Select(row => row.Record)];
    }
}
