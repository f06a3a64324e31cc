using Microsoft.EntityFrameworkCore;

namespace Fnq.Storage;

/// <summary>Configuration as rows. Each feature maps its own tables by an IEntityTypeConfiguration in its folder.</summary>
internal sealed class FnqDbContext(DbContextOptions<FnqDbContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder) =>
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(FnqDbContext).Assembly);
}
