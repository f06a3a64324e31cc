using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>How messages of a queue look to the function.</summary>
internal enum QueueEventShape
{
    /// <summary>Records of <c>aws:sqs</c>.</summary>
    Sqs = 0,

    /// <summary>Messages of <c>aws:rmq</c>, as Amazon MQ gives them.</summary>
    RabbitMq = 1,
}

/// <summary>One queue and the function that gets its messages in batches.</summary>
internal sealed record QueueMapping
{
    public required Guid Id { get; init; }

    /// <summary>Another with every change of the mapping.</summary>
    public required long Revision { get; init; }
    public required FunctionKey Function { get; init; }

    /// <summary>Version or alias; null when none was given.</summary>
    public string? Qualifier { get; init; }
    public required QueueEventShape Shape { get; init; }
    public required string SourceArn { get; init; }

    /// <summary>Of the users' virtual host.</summary>
    public required string Queue { get; init; }
    public required int BatchSize { get; init; }
    public TimeSpan Window { get; init; }

    /// <summary>Batches that run at the same time.</summary>
    public required int Concurrency { get; init; }

    /// <summary>A message that none of them matches is dropped. Empty takes all.</summary>
    public IReadOnlyList<string> Filters { get; init; } = [];
    public bool ReportsBatchItemFailures { get; init; }
}

/// <summary>What a poller has to say of its mapping.</summary>
internal sealed record QueueReport(Guid Mapping, string? Error);

/// <summary>Which mappings this process serves: each has one server at a time, by a lease in the database. Implemented by Functions.</summary>
internal interface IQueueMappings
{
    /// <summary>
    /// Renews the leases of this node and takes those that nobody has, up to its share of all. What it had and does not get
    /// back is no longer its own.
    /// </summary>
    Task<IReadOnlyList<QueueMapping>> ClaimAsync(NodeId self, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Others may take them at once.</summary>
    Task ReleaseAsync(NodeId self, IReadOnlyCollection<Guid> mappings, CancellationToken cancellationToken);

    /// <summary>Keeps the last error of each, for people; what is no longer this node's is left alone.</summary>
    Task ReportAsync(NodeId self, IReadOnlyCollection<QueueReport> reports, CancellationToken cancellationToken);
}
