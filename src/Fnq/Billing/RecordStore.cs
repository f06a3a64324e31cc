using Npgsql;
using NpgsqlTypes;

namespace Fnq.Billing;

/// <summary>Writes rows into <c>invocation_records</c>, each run id once, whoever writes beside us.</summary>
internal sealed class RecordStore(NpgsqlDataSource source, BillingOptions options)
{
    private const string Columns =
        "run_day, run_id, request_id, account_id, region, function_name, version, deployment, architecture, trigger, "
        + "attempt, delivery, memory_mb, ephemeral_mb, billed_ms, duration_ms, init_ms, peak_memory_mb, outcome, worker, "
        + "environment, started_at";

    private readonly HashSet<DateOnly> _knownDays = [];

    /// <returns>How many rows were new.</returns>
    public async Task<long> WriteAsync(IReadOnlyList<RecordRow> rows, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            await ProvidePartitionsAsync(connection, rows, cancellationToken);
            try
            {
                return await CopyAsync(connection, rows, cancellationToken);
            }
            catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.UniqueViolation)
            {
                // Only after a replay or a redelivery: the plain COPY is twice as fast for all the others.
                return await MergeAsync(connection, rows, cancellationToken);
            }
        }
        catch
        {
            // A partition may have been dropped meanwhile; asking again is cheap.
            _knownDays.Clear();
            throw;
        }
    }

    /// <summary>Straight into the partitions; any row that is there already fails the whole batch.</summary>
    internal async Task<long> CopyAsync(NpgsqlConnection connection, IReadOnlyList<RecordRow> rows, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, LimitSql, cancellationToken);
        await ImportAsync(connection, "invocation_records", rows, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return rows.Count;
    }

    /// <summary>By way of a temporary table; rows that are there already are left alone.</summary>
    internal async Task<long> MergeAsync(NpgsqlConnection connection, IReadOnlyList<RecordRow> rows, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(
            connection,
            LimitSql + "create temporary table incoming_records (like invocation_records including defaults) on commit drop",
            cancellationToken);
        await ImportAsync(connection, "incoming_records", rows, cancellationToken);

        // In key order, so that two recorders with the same rows wait for each other instead of deadlocking.
        var written = await ExecuteAsync(
            connection,
            $"insert into invocation_records ({Columns}) select {Columns} from incoming_records order by run_day, run_id on conflict do nothing",
            cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return written;
    }

    private string LimitSql => $"set local statement_timeout = {(int)options.StatementTimeout.TotalMilliseconds};";

    private async Task ImportAsync(
        NpgsqlConnection connection, string table, IReadOnlyList<RecordRow> rows, CancellationToken cancellationToken)
    {
        await using var import = await connection.BeginBinaryImportAsync($"copy {table} ({Columns}) from stdin (format binary)", cancellationToken);
        import.Timeout = options.StatementTimeout * 2;
        foreach (var (day, record) in rows)
        {
            await import.StartRowAsync(cancellationToken);
            await import.WriteAsync(day, NpgsqlDbType.Date, cancellationToken);
            await import.WriteAsync(record.RunId.Value, NpgsqlDbType.Uuid, cancellationToken);
            await import.WriteAsync(record.RequestId, NpgsqlDbType.Uuid, cancellationToken);
            await import.WriteAsync(record.Function.AccountId, NpgsqlDbType.Text, cancellationToken);
            await import.WriteAsync(record.Function.Region, NpgsqlDbType.Text, cancellationToken);
            await import.WriteAsync(record.Function.Name, NpgsqlDbType.Text, cancellationToken);
            await import.WriteAsync(record.Version, NpgsqlDbType.Text, cancellationToken);
            await import.WriteAsync(record.Deployment.Value, NpgsqlDbType.Text, cancellationToken);
            await import.WriteAsync(record.Architecture, NpgsqlDbType.Text, cancellationToken);
            await import.WriteAsync(record.Trigger, NpgsqlDbType.Text, cancellationToken);
            await import.WriteAsync(record.Attempt, NpgsqlDbType.Integer, cancellationToken);
            await import.WriteAsync(record.Delivery, NpgsqlDbType.Integer, cancellationToken);
            await import.WriteAsync(record.MemorySizeMb, NpgsqlDbType.Integer, cancellationToken);
            await import.WriteAsync(record.EphemeralStorageMb, NpgsqlDbType.Integer, cancellationToken);
            await import.WriteAsync(record.BilledMilliseconds, NpgsqlDbType.Bigint, cancellationToken);
            await import.WriteAsync(record.DurationMilliseconds, NpgsqlDbType.Double, cancellationToken);
            await import.WriteAsync(record.InitMilliseconds, NpgsqlDbType.Double, cancellationToken);
            await import.WriteAsync(record.PeakMemoryMb, NpgsqlDbType.Integer, cancellationToken);
            await import.WriteAsync((short)record.Outcome, NpgsqlDbType.Smallint, cancellationToken);
            await import.WriteAsync(record.Worker.Value, NpgsqlDbType.Text, cancellationToken);
            await import.WriteAsync(record.Environment, NpgsqlDbType.Text, cancellationToken);
            await import.WriteAsync(record.StartedAt.UtcDateTime, NpgsqlDbType.TimestampTz, cancellationToken);
        }

        await import.CompleteAsync(cancellationToken);
    }

    private async Task ProvidePartitionsAsync(NpgsqlConnection connection, IReadOnlyList<RecordRow> rows, CancellationToken cancellationToken)
    {
        foreach (var day in rows.Select(row => row.Day).Distinct().Where(day => !_knownDays.Contains(day)).ToList())
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await ExecuteAsync(connection, LimitSql + "select provide_invocation_records_partition('" + day.ToString("yyyy-MM-dd") + "')", cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            _knownDays.Add(day);
        }
    }

    private async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        // The server's own limit comes first; this one is for a server that no longer answers.
        command.CommandTimeout = (int)Math.Ceiling(options.StatementTimeout.TotalSeconds * 2);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
