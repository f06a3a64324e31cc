using EvolveDb;
using EvolveDb.Configuration;
using Npgsql;

namespace Fnq.Storage;

/// <summary>Applies the numbered SQL of /migrations, one process at a time (Evolve holds an advisory lock).</summary>
internal sealed partial class Migrator(NpgsqlDataSource source, MigrationsFolder folder, ILogger<Migrator> logger)
{
    public void Apply()
    {
        using var connection = source.OpenConnection();
        var schema = (string)new NpgsqlCommand("select current_schema()", connection).ExecuteScalar()!;
        var evolve = new Evolve(connection, message => LogStep(logger, message))
        {
            Locations = [folder.Path],
            Schemas = [schema],
            MetadataTableName = "migrations",
            IsEraseDisabled = true,
            OutOfOrder = false,
            TransactionMode = TransactionKind.CommitEach,
        };
        evolve.Migrate();
    }

    [LoggerMessage(1000, LogLevel.Debug, "Migration: {Message}")]
    private static partial void LogStep(ILogger logger, string message);
}

/// <summary>Where the numbered SQL lies: beside the binary, copied there by the build.</summary>
internal sealed record MigrationsFolder(string Path);
