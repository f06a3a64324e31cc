namespace Fnq.Billing;

/// <summary>What billing needs to know; made by Hosting.</summary>
internal sealed record BillingOptions
{
    /// <summary>The process's data folder; journals of all processes that share it lie under <c>journal/</c>.</summary>
    public required string DataFolder { get; init; }

    /// <summary><c>amqp://user:password@host:port/vhost</c> of the platform's own virtual host.</summary>
    public required string PlatformAmqpUrl { get; init; }

    /// <summary>A reply also waits for the broker's confirm of its record, at most <see cref="ConfirmTimeout"/>.</summary>
    public bool Strict { get; init; }

    /// <summary>The queue of record batches; what cannot be read goes to the same name with <c>.dead</c>.</summary>
    public string QueueName { get; init; } = "fnq.records";

    /// <summary>A publish without an answer by then is unknown: it is sent again, and the run id makes the second one harmless.</summary>
    public TimeSpan ConfirmTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long records gather after a batch. Measured at 64 clients: broker and database spend 92 µs of CPU on a request's
    /// record without it (batches of a dozen), 15 µs with it (batches of some hundred).
    /// </summary>
    public TimeSpan GatherTime { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How often the journals of processes that died are looked for; a free lock gives no signal.</summary>
    public TimeSpan AdoptionInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bounds what one write under the broker's or the database's trouble can take.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Records that wait for the broker; with more, nothing new is run, for a run without a record is not allowed.</summary>
    public long JournalMaxBytes { get; init; } = 4_096L << 20;

    /// <summary>What has to stay free on the journal's disk: room for the records of all that is already running.</summary>
    public long DiskReserveBytes { get; init; } = 64L << 20;

    public string DeadQueueName => QueueName + ".dead";

    public string JournalFolder => Path.Combine(DataFolder, "journal");
}

/// <summary>Sizes of the record path. Relations: a frame fits a batch, a batch fits a segment.</summary>
internal static class BillingLimits
{
    public const int FrameBytes = 16 * 1024;
    public const int BatchBytes = 256 * 1024;
    public const int BatchRecords = 1_000;
    public const int SegmentBytes = 4 * 1024 * 1024;

    /// <summary>Batches that a recorder holds unacknowledged: up to 64,000 rows, 16 MiB.</summary>
    public const ushort RecorderPrefetch = 64;

    /// <summary>One transaction writes no more than this, so that it stays far inside the statement timeout.</summary>
    public const int TransactionRecords = 20_000;

    /// <summary>What a database too slow for more is offered at last.</summary>
    public const int SmallestTransactionRecords = 250;
}
