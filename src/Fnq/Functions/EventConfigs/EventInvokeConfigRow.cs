using Fnq.Dispatch;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Fnq.Functions.EventConfigs;

/// <summary>How asynchronous events of one version are retried, and where their outcome goes.</summary>
internal sealed class EventInvokeConfigRow
{
    public Guid FunctionId { get; init; }

    /// <summary><c>$LATEST</c> or a version number: a function that is named without qualifier has the config of <c>$LATEST</c>.</summary>
    public required string Qualifier { get; init; }

    /// <summary>Null when not set; then AWS's default of 2 holds.</summary>
    public int? MaximumRetryAttempts { get; init; }

    /// <summary>Null when not set; then AWS's default of 6 hours holds.</summary>
    public int? MaximumEventAgeSeconds { get; init; }

    /// <summary>As given, see <see cref="EventDestination.Parse"/>; null for none.</summary>
    public string? OnSuccess { get; init; }
    public string? OnFailure { get; init; }
    public required DateTimeOffset LastModified { get; init; }
}

internal sealed class EventInvokeConfigMapping : IEntityTypeConfiguration<EventInvokeConfigRow>
{
    public void Configure(EntityTypeBuilder<EventInvokeConfigRow> builder)
    {
        builder.ToTable("event_invoke_configs").HasKey(row => new { row.FunctionId, row.Qualifier });
        builder.HasOne<FunctionRow>().WithMany().HasForeignKey(row => row.FunctionId);
    }
}
