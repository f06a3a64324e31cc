using Fnq.Contracts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Fnq.Functions;

/// <summary>What belongs to a function as a whole, all its versions.</summary>
internal sealed class FunctionRow
{
    public required Guid Id { get; init; }
    public required string AccountId { get; init; }
    public required string Region { get; init; }
    public required string Name { get; init; }

    /// <summary>Never goes back: the number of a deleted version is not given again.</summary>
    public int NextVersion { get; set; } = 1;
    public Dictionary<string, string> Tags { get; set; } = [];
    public required DateTimeOffset CreatedAt { get; init; }

    public FunctionKey Key => new(AccountId, Region, Name);
}

/// <summary><c>$LATEST</c> (number 0) or a published version.</summary>
internal sealed class FunctionVersionRow
{
    public const int Latest = 0;

    public Guid FunctionId { get; init; }
    public int Number { get; init; }
    public required FunctionSpec Spec { get; set; }
    public required string CodeDigest { get; set; }
    public required long CodeSize { get; set; }
    public required string DeploymentId { get; set; }

    /// <summary>The last one that became Successful; null before the first.</summary>
    public string? ServedDeploymentId { get; set; }

    /// <summary>Optimistic concurrency: every change makes a new one.</summary>
    public required Guid RevisionId { get; set; }
    public required DateTimeOffset LastModified { get; set; }
    public string State { get; set; } = FunctionState.Pending;
    public string? StateReason { get; set; }
    public string? StateReasonCode { get; set; }
    public string? LastUpdateStatus { get; set; }
    public string? LastUpdateStatusReason { get; set; }
    public string? LastUpdateStatusReasonCode { get; set; }

    public string Version => VersionName.Of(Number);
}

/// <summary>A delete that not every node has acknowledged.</summary>
internal sealed class FunctionDeletionRow
{
    public required Guid RevisionId { get; init; }
    public required string AccountId { get; init; }
    public required string Region { get; init; }
    public required string Name { get; init; }
    public required DateTimeOffset DeletedAt { get; init; }
}

internal static class VersionName
{
    public const string Latest = "$LATEST";

    public static string Of(int number) => number == FunctionVersionRow.Latest ? Latest : number.ToString();

    /// <summary>Null for what is neither <c>$LATEST</c> nor a number: an alias.</summary>
    public static int? Parse(string qualifier) =>
        qualifier == Latest ? FunctionVersionRow.Latest
        : qualifier[0] is >= '1' and <= '9' && qualifier.All(char.IsAsciiDigit) && int.TryParse(qualifier, out var number) ? number
        : null;
}

internal sealed class FunctionMapping : IEntityTypeConfiguration<FunctionRow>
{
    public void Configure(EntityTypeBuilder<FunctionRow> builder)
    {
        builder.ToTable("functions").HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.Tags).HasColumnType("json").HasConversion(
            tags => FunctionsJson.Write(tags, FunctionsJson.Api.DictionaryStringString),
            json => FunctionsJson.Read(json, FunctionsJson.Api.DictionaryStringString),
            StoredJson.ComparerOf(FunctionsJson.Api.DictionaryStringString));
        builder.Ignore(row => row.Key);
    }
}

internal sealed class FunctionVersionMapping : IEntityTypeConfiguration<FunctionVersionRow>
{
    public void Configure(EntityTypeBuilder<FunctionVersionRow> builder)
    {
        builder.ToTable("function_versions").HasKey(row => new { row.FunctionId, row.Number });
        builder.Property(row => row.Number).ValueGeneratedNever();
        builder.Property(row => row.RevisionId).IsConcurrencyToken();
        builder.Property(row => row.Spec).HasColumnType("json").HasConversion(
            spec => FunctionsJson.Write(spec, FunctionsJson.Api.FunctionSpec),
            json => FunctionsJson.Read(json, FunctionsJson.Api.FunctionSpec));
        builder.HasOne<FunctionRow>().WithMany().HasForeignKey(row => row.FunctionId);
        builder.Ignore(row => row.Version);
    }
}

internal sealed class FunctionDeletionMapping : IEntityTypeConfiguration<FunctionDeletionRow>
{
    public void Configure(EntityTypeBuilder<FunctionDeletionRow> builder) =>
        builder.ToTable("function_deletions").HasKey(row => row.RevisionId);
}
