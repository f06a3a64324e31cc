using System.Diagnostics;
using System.Diagnostics.Metrics;
using Fnq.Billing;
using Fnq.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fnq.IntegrationTests.Billing;

/// <summary>A journal on a file system that is really full.</summary>
public sealed class FullDiskTests
{
    [Fact]
    public async Task A_full_disk_refuses_records_with_a_reason_and_takes_them_again_when_there_is_room()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "mounting a small file system needs root");
        var folder = Directory.CreateTempSubdirectory("fnq-full-").FullName;
        await RunAsync("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder);
        try
        {
            var ballast = Path.Combine(folder, "ballast");
            await File.WriteAllBytesAsync(ballast, new byte[64 * 1024]);
            var meters = new BillingMeters(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>());
            using var journal = new RunJournal(
                new BillingOptions { DataFolder = folder, PlatformAmqpUrl = "amqp://nobody" }, TimeProvider.System, meters, NullLogger<RunJournal>.Instance);

            List<RunId> answered = [];
            var refusal = await Assert.ThrowsAsync<JournalException>(() => AppendUntilRefusedAsync(journal, answered));
            Assert.Contains("space", refusal.Message, StringComparison.OrdinalIgnoreCase);
            Assert.NotEmpty(answered);

            File.Delete(ballast);
            var late = BillingServers.Record();
            await journal.AppendAsync(late);
            answered.Add(late.RunId);

            Assert.Equal(answered, Drain(journal));
        }
        finally
        {
            await RunAsync("umount", folder);
            Directory.Delete(folder);
        }
    }

    private static async Task AppendUntilRefusedAsync(RunJournal journal, List<RunId> answered)
    {
        for (var count = 0; count < 10_000; count++)
        {
            var record = BillingServers.Record();
            await journal.AppendAsync(record);
            answered.Add(record.RunId);
        }
    }

    private static List<RunId> Drain(RunJournal journal)
    {
        var buffer = new byte[BillingLimits.BatchBytes];
        var read = new RecordBatch();
        while (journal.Next(buffer) is { } batch)
        {
            read.Add(buffer.AsSpan(0, batch.Bytes));
            journal.Confirm(batch);
        }

        Assert.Empty(read.Dead);
        return [.. read.Rows.Select(row => row.Record.RunId)];
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }
}
