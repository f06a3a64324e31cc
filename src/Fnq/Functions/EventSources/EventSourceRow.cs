using Fnq.Contracts;
using Fnq.Dispatch;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Fnq.Functions.EventSources;

/// <summary>A queue and the function that listens to it, as the API shows them. Leases and errors are columns beside it.</summary>
internal sealed record EventSourceRow
{
    public required Guid Id { get; init; }
    public required string AccountId { get; init; }
    public required string Region { get; init; }
    public required string FunctionName { get; init; }

    /// <summary>Version or alias as given; null when none was.</summary>
    public string? Qualifier { get; init; }
    public required string SourceArn { get; init; }
    public required QueueEventShape Shape { get; init; }
    public required string Queue { get; init; }

    /// <summary>Type and URI with a blank between.</summary>
    public List<string> SourceAccess { get; init; } = [];
    public required int BatchSize { get; init; }
    public required int WindowSeconds { get; init; }
    public int? MaximumConcurrency { get; init; }
    public List<string> Filters { get; init; } = [];
    public List<string> ResponseTypes { get; init; } = [];
    public required bool Enabled { get; init; }

    /// <summary>One more with every change.</summary>
    public long Revision { get; init; }
    public required DateTimeOffset LastModified { get; init; }

    public FunctionReference Function => new(new FunctionKey(AccountId, Region, FunctionName), Qualifier);
}

internal sealed class EventSourceMapping : IEntityTypeConfiguration<EventSourceRow>
{
    public void Configure(EntityTypeBuilder<EventSourceRow> builder)
    {
        builder.ToTable("event_source_mappings").HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Ignore(row => row.Function);
    }
}
