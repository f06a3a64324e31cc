using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Fnq.Functions.Policies;

/// <summary>One statement of a function's resource policy.</summary>
internal sealed class PolicyStatementRow
{
    public required Guid FunctionId { get; init; }

    /// <summary>A version; empty for the function itself.</summary>
    public required string Qualifier { get; init; }
    public required string StatementId { get; init; }

    /// <summary>The order in which they were added.</summary>
    public long Position { get; init; }

    /// <summary>JSON as AWS writes it.</summary>
    public required string Statement { get; init; }
}

internal sealed class PolicyStatementMapping : IEntityTypeConfiguration<PolicyStatementRow>
{
    public void Configure(EntityTypeBuilder<PolicyStatementRow> builder)
    {
        builder.ToTable("function_policy_statements").HasKey(row => new { row.FunctionId, row.Qualifier, row.StatementId });
        builder.Property(row => row.Position).ValueGeneratedOnAdd();
        builder.HasOne<FunctionRow>().WithMany().HasForeignKey(row => row.FunctionId);
    }
}
