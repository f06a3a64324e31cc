using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Fnq.Identity;

/// <summary>A row of access_keys. The secret is kept as it is: SigV4 cannot be verified from a hash of it.</summary>
internal sealed class AccessKey
{
    private Caller? _caller;

    public required string Id { get; init; }
    public required string Secret { get; init; }
    public required string AccountId { get; init; }
    public required string Arn { get; init; }
    public required string UserId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public bool Enabled { get; init; } = true;

    /// <summary>Set for the key of a session, which is in no table and needs its token beside it.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
    public FunctionPrincipal? Function { get; init; }

    public Caller Caller => _caller ??= new Caller(AccountId, Id, Arn, UserId, Function);
}

internal sealed class AccessKeyMapping : IEntityTypeConfiguration<AccessKey>
{
    public void Configure(EntityTypeBuilder<AccessKey> builder)
    {
        builder.ToTable("access_keys");
        builder.HasKey(key => key.Id);
        builder.Ignore(key => key.Caller);
        builder.Ignore(key => key.ExpiresAt);
        builder.Ignore(key => key.Function);
    }
}
