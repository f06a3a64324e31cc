using System.Text.Json;
using Fnq.Billing;
using Fnq.Contracts;
using Npgsql;
using RabbitMQ.Client;
using Xunit;

namespace Fnq.IntegrationTests.Billing;

/// <summary>From the journal to the row, against real servers: every run is there once, whatever fails on the way.</summary>
public sealed class RecordPathTests
{
    [Fact]
    public async Task Ten_thousand_records_arrive_while_the_recorder_restarts_and_the_broker_link_breaks()
    {
        await using var servers = await BillingServers.StartAsync();
        await using var link = new BrokerLink(servers.Options.PlatformAmqpUrl);
        var options = servers.Options with { PlatformAmqpUrl = link.Url };
        await using var worker = await servers.StartNodeAsync(journal: true, recorder: false, options);
        var recorder = await servers.StartNodeAsync(journal: false, recorder: true, options);

        for (var index = 0; index < 10_000; index++)
        {
            await worker.Journal.AppendAsync(BillingServers.Record());
            if (index % 2_500 == 1_000)
            {
                await BillingServers.UntilAsync(async () => await servers.RowsAsync() > index / 2, () => Task.FromResult("waiting for half"));
                link.Cut();
            }

            if (index % 2_500 == 2_000)
            {
                await recorder.DisposeAsync();
                recorder = await servers.StartNodeAsync(journal: false, recorder: true, options);
            }
        }

        await servers.WaitForRowsAsync(10_000);
        Assert.True(link.Cuts >= 4, $"only {link.Cuts} connections were cut");
        Assert.Equal(0, worker.Journal.BacklogBytes);
        await recorder.DisposeAsync();
    }

    [Fact]
    public async Task Records_wait_in_the_journal_while_the_broker_is_away()
    {
        await using var servers = await BillingServers.StartAsync();
        await using var link = new BrokerLink(servers.Options.PlatformAmqpUrl);
        await using var node = await servers.StartNodeAsync(journal: true, recorder: true, servers.Options with { PlatformAmqpUrl = link.Url });
        await node.Journal.AppendAsync(BillingServers.Record());
        await servers.WaitForRowsAsync(1);

        link.Down();
        for (var index = 0; index < 500; index++)
        {
            await node.Journal.AppendAsync(BillingServers.Record());
        }

        Assert.True(node.Journal.BacklogBytes > 0);
        link.Up();

        await servers.WaitForRowsAsync(501);
    }

    [Fact]
    public async Task A_message_published_twice_is_one_row_each()
    {
        await using var servers = await BillingServers.StartAsync();
        var fresh = BillingServers.Record();
        byte[] once = [.. Enumerable.Range(0, 100).SelectMany(_ => Frame(BillingServers.Record()))];
        await using var recorder = await servers.StartNodeAsync(journal: false, recorder: true);
        await BillingServers.UntilAsync(() => ConsumesAsync(servers), () => Task.FromResult("no consumer"));

        await PublishAsync(servers, once);
        await servers.WaitForRowsAsync(100);
        // The second copy comes with a new record, whose row says that the copy was written too.
        await PublishAsync(servers, [.. once, .. Frame(fresh), .. once, .. Frame(fresh)]);

        await servers.WaitForRowsAsync(101);
        await BillingServers.UntilAsync(
            async () => await servers.MessagesAsync(servers.Options.QueueName) == 0, () => Task.FromResult("messages left"));
        Assert.Equal(101, await servers.RowsAsync());
    }

    [Fact]
    public async Task The_journal_of_a_dead_process_is_published_by_its_peer()
    {
        await using var servers = await BillingServers.StartAsync();
        await using var peer = await servers.StartNodeAsync(journal: true, recorder: true);
        var unreachable = servers.Options with { PlatformAmqpUrl = "amqp://guest:guest@127.0.0.1:1/" };
        var dying = await servers.StartNodeAsync(journal: true, recorder: false, unreachable);
        for (var index = 0; index < 50; index++)
        {
            await dying.Journal.AppendAsync(BillingServers.Record());
        }

        Assert.Equal(0, await servers.RowsAsync());
        // What the kernel does for a killed process: the lock is let go, the files stay.
        dying.Journal.Dispose();

        await servers.WaitForRowsAsync(50);
        await BillingServers.UntilAsync(
            () => Task.FromResult(Directory.GetDirectories(servers.Options.JournalFolder).Length == 1), () => Task.FromResult("a dead folder"));
        await dying.DisposeAsync();
    }

    [Fact]
    public async Task What_is_no_record_goes_to_the_dead_queue_and_its_neighbours_are_recorded()
    {
        await using var servers = await BillingServers.StartAsync();
        await using var recorder = await servers.StartNodeAsync(journal: false, recorder: true);
        await BillingServers.UntilAsync(() => ConsumesAsync(servers), () => Task.FromResult("no consumer"));

        await PublishAsync(servers, "hello"u8.ToArray());
        var undated = BillingServers.Record() with { RunId = new RunId(Guid.Empty) };
        await PublishAsync(servers, [.. Frame(BillingServers.Record()), .. Frame(undated), .. Frame(BillingServers.Record())]);

        await servers.WaitForRowsAsync(2);
        await BillingServers.UntilAsync(
            async () => await servers.MessagesAsync(servers.Options.DeadQueueName) == 2, () => Task.FromResult("dead messages missing"));
        Assert.Equal(0u, await servers.MessagesAsync(servers.Options.QueueName));
    }

    [Fact]
    public async Task A_batch_that_came_back_thirty_times_is_still_recorded()
    {
        await using var servers = await BillingServers.StartAsync();
        await using (var node = await servers.StartNodeAsync(journal: true, recorder: false, servers.Options with { Strict = true }))
        {
            await node.Journal.AppendAsync(BillingServers.Record());
        }

        await servers.WithChannelAsync(async channel =>
        {
            for (var turn = 0; turn < 30; turn++)
            {
                BasicGetResult? got = null;
                await BillingServers.UntilAsync(
                    async () => (got = await channel.BasicGetAsync(servers.Options.QueueName, autoAck: false)) is not null,
                    () => Task.FromResult($"gone after {turn} returns"));
                await channel.BasicNackAsync(got!.DeliveryTag, multiple: false, requeue: true);
            }
        });

        await using var recorder = await servers.StartNodeAsync(journal: false, recorder: true);
        await servers.WaitForRowsAsync(1);
    }

    [Fact]
    public async Task A_locked_table_holds_the_recorder_up_and_loses_nothing()
    {
        await using var servers = await BillingServers.StartAsync();
        var hasty = servers.Options with { StatementTimeout = TimeSpan.FromMilliseconds(200) };
        await using var node = await servers.StartNodeAsync(journal: true, recorder: true, hasty);
        await node.Journal.AppendAsync(BillingServers.Record());
        await servers.WaitForRowsAsync(1);

        await using (var locker = await servers.Source.OpenConnectionAsync())
        {
            await using var transaction = await locker.BeginTransactionAsync();
            await new NpgsqlCommand("lock table invocation_records in access exclusive mode", locker, transaction).ExecuteNonQueryAsync();
            await node.Journal.AppendAsync(BillingServers.Record());

            // The write is tried, waits for the lock, is ended by its limit, and is tried again by another statement.
            HashSet<long> attempts = [];
            await BillingServers.UntilAsync(
                async () =>
                {
                    attempts.Add(await servers.ScalarAsync(
                        "select coalesce(max(extract(epoch from query_start) * 1000000), 0) from pg_stat_activity "
                        + "where wait_event_type = 'Lock' and query like 'copy invocation_records%' and datname = current_database()"));
                    return attempts.Count >= 4;
                },
                () => Task.FromResult($"{attempts.Count} attempts"));
            await transaction.RollbackAsync();
        }

        await servers.WaitForRowsAsync(2);
    }

    [Fact]
    public async Task A_database_too_slow_for_a_whole_batch_gets_it_in_parts()
    {
        await using var servers = await BillingServers.StartAsync();
        var hasty = servers.Options with { StatementTimeout = TimeSpan.FromSeconds(1) };
        await using (var command = servers.Source.CreateCommand(
            "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.001); return new; end $$; "
            + "create trigger slow before insert on invocation_records for each row execute function slow()"))
        {
            await command.ExecuteNonQueryAsync();
        }

        // All of it is in the queue before the recorder looks: one batch of over two seconds.
        await using (var worker = await servers.StartNodeAsync(journal: true, recorder: false, hasty))
        {
            for (var index = 0; index < 2_000; index++)
            {
                await worker.Journal.AppendAsync(BillingServers.Record());
            }

            await BillingServers.UntilAsync(() => Task.FromResult(worker.Journal.BacklogBytes == 0), () => Task.FromResult("not published"));
        }

        await using var recorder = await servers.StartNodeAsync(journal: false, recorder: true, hasty);
        await servers.WaitForRowsAsync(2_000);
        Assert.True(await servers.ScalarAsync("select count(distinct recorded_at) from invocation_records") > 1);
    }

    [Fact]
    public async Task Killed_database_sessions_cost_no_row_and_make_none_double()
    {
        await using var servers = await BillingServers.StartAsync();
        await using var node = await servers.StartNodeAsync(journal: true, recorder: true);
        var killed = 0L;
        for (var index = 0; index < 5_000; index++)
        {
            await node.Journal.AppendAsync(BillingServers.Record());
            if (index % 250 == 249)
            {
                var floor = index / 2;
                await BillingServers.UntilAsync(async () => await servers.RowsAsync() >= floor, () => Task.FromResult("rows missing"));
                killed += await servers.ScalarAsync(
                    $"select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = '{servers.Name}'");
            }
        }

        await servers.WaitForRowsAsync(5_000);
        Assert.True(killed > 0);
    }

    [Fact]
    public async Task Two_recorders_share_the_queue_and_make_partitions_together()
    {
        await using var servers = await BillingServers.StartAsync();
        await using var first = await servers.StartNodeAsync(journal: false, recorder: true);
        await using var second = await servers.StartNodeAsync(journal: true, recorder: true);
        var today = TimeProvider.System.GetUtcNow();
        for (var index = 0; index < 2_000; index++)
        {
            await second.Journal.AppendAsync(BillingServers.Record() with { RunId = new RunId(Guid.CreateVersion7(today.AddDays(index % 20))) });
        }

        await servers.WaitForRowsAsync(2_000);
        Assert.Equal(20, await servers.ScalarAsync("select count(*) from pg_inherits where inhparent = 'invocation_records'::regclass"));
        Assert.Equal(20, await servers.ScalarAsync("select count(distinct tableoid) from invocation_records"));
    }

    [Fact]
    public async Task Strict_returns_when_the_broker_has_the_record()
    {
        await using var servers = await BillingServers.StartAsync();
        await using var node = await servers.StartNodeAsync(journal: true, recorder: false, servers.Options with { Strict = true });

        await node.Journal.AppendAsync(BillingServers.Record());

        Assert.Equal(0, node.Journal.BacklogBytes);
        Assert.Equal(1u, await servers.MessagesAsync(servers.Options.QueueName));
    }

    [Fact]
    public async Task Usage_counts_what_was_run_and_the_bill_prices_it()
    {
        await using var servers = await BillingServers.StartAsync();
        await using (var node = await servers.StartNodeAsync(journal: true, recorder: true))
        {
            foreach (var record in new[]
            {
                BillingServers.Record("a", 1_000), BillingServers.Record("a", 3_000), BillingServers.Record("b", 7),
                BillingServers.Record("a", 0) with { Outcome = RunOutcome.PlatformLost },
            })
            {
                await node.Journal.AppendAsync(record);
            }

            await servers.WaitForRowsAsync(4);
        }

        var all = await UsageAsync(servers, null);
        Assert.Equal(
            """[{"function":"a","invocations":2,"billedMs":4000,"gbSeconds":1},{"function":"b","invocations":1,"billedMs":7,"gbSeconds":0.00175}]""",
            JsonSerializer.Serialize(JsonDocument.Parse(all)));
        Assert.Equal(1, JsonDocument.Parse(await UsageAsync(servers, "b")).RootElement.GetArrayLength());
        Assert.Equal("[]", (await UsageAsync(servers, "c")).Trim());
        using var table = new StringWriter();
        await UsageCommand.RunAsync(servers.Source, null, json: false, table);
        Assert.Contains("LOST", table.ToString(), StringComparison.Ordinal);

        var month = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        var bill = await new UsageQuery(servers.Source).BillAsync("123456789012", "us-east-1", month, CancellationToken.None);
        Assert.Equal(3, bill.Lines.Single(line => line.Item == PriceItems.Request).Units);
        Assert.Equal(1.00175m, bill.Lines.Single(line => line.Item == PriceItems.GbSecond).Units);
        Assert.Equal(0, bill.TotalUsd);
    }

    private static async Task<string> UsageAsync(BillingServers servers, string? function)
    {
        using var output = new StringWriter();
        Assert.Equal(0, await UsageCommand.RunAsync(servers.Source, function, json: true, output));
        return output.ToString();
    }

    private static byte[] Frame(InvocationRecord record)
    {
        var buffer = new byte[BillingLimits.FrameBytes];
        return buffer[..RecordFrame.Write(record, buffer)];
    }

    private static Task PublishAsync(BillingServers servers, byte[] body) => servers.WithChannelAsync(channel =>
        channel.BasicPublishAsync("", servers.Options.QueueName, mandatory: true, new BasicProperties { Persistent = true }, body).AsTask());

    private static async Task<bool> ConsumesAsync(BillingServers servers)
    {
        try
        {
            var count = 0u;
            await servers.WithChannelAsync(async channel => count = await channel.ConsumerCountAsync(servers.Options.QueueName));
            return count > 0;
        }
        catch (RabbitMQ.Client.Exceptions.OperationInterruptedException)
        {
            return false;
        }
    }
}
