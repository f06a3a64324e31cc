using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Fnq.Functions.Urls;

/// <summary>An address at which a function is called over plain HTTP.</summary>
internal sealed class FunctionUrlRow
{
    /// <summary>32 letters and digits, the first label of its host name.</summary>
    public required string Id { get; init; }
    public required Guid FunctionId { get; init; }

    /// <summary>An alias; empty for the function itself.</summary>
    public required string Qualifier { get; init; }

    /// <summary><c>NONE</c> or <c>AWS_IAM</c>.</summary>
    public required string AuthType { get; set; }

    /// <summary>Null when not given, which is BUFFERED.</summary>
    public string? InvokeMode { get; set; }
    public CorsSpec? Cors { get; set; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset LastModified { get; set; }
}

/// <summary>Which pages of other origins a browser lets call it; every member is shown only when it was given.</summary>
internal sealed record CorsSpec
{
    public bool? AllowCredentials { get; init; }
    public List<string>? AllowHeaders { get; init; }
    public List<string>? AllowMethods { get; init; }
    public List<string>? AllowOrigins { get; init; }
    public List<string>? ExposeHeaders { get; init; }
    public int? MaxAge { get; init; }
}

internal sealed class FunctionUrlMapping : IEntityTypeConfiguration<FunctionUrlRow>
{
    public void Configure(EntityTypeBuilder<FunctionUrlRow> builder)
    {
        builder.ToTable("function_urls").HasKey(row => row.Id);
        builder.Property(row => row.Cors).HasColumnType("json").HasConversion(
            cors => FunctionsJson.Write(cors, FunctionsJson.Api.CorsSpec),
            json => FunctionsJson.Read(json, FunctionsJson.Api.CorsSpec));
        builder.HasOne<FunctionRow>().WithMany().HasForeignKey(row => row.FunctionId);
    }
}
