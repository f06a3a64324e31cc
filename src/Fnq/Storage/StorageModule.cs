using Fnq.Dispatch;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Fnq.Storage;

internal sealed class StorageModule(string postgresUrl) : IModule
{
    public void Register(IServiceCollection services)
    {
        var source = new NpgsqlDataSourceBuilder(PostgresUrl.ToConnectionString(postgresUrl)).Build();
        services.AddSingleton(source);
        services.AddSingleton(new MigrationsFolder(Path.Combine(AppContext.BaseDirectory, "migrations")));
        services.AddSingleton<Migrator>();
        services.AddPooledDbContextFactory<FnqDbContext>(options => options
            .UseNpgsql(source, npgsql => npgsql.EnableRetryOnFailure(3))
            .UseSnakeCaseNamingConvention());
    }

    public Task ProvisionAsync(IServiceProvider services, CancellationToken cancellationToken) =>
        Task.Run(services.GetRequiredService<Migrator>().Apply, cancellationToken);
}
