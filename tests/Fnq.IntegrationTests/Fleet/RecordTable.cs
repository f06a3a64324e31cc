using Fnq.Contracts;
using Fnq.IntegrationTests.Cluster;
using Npgsql;

namespace Fnq.IntegrationTests.Fleet;

internal sealed record RecordRow(
    Guid RunId, Guid RequestId, string Function, RunOutcome Outcome, string Worker, string Environment, long BilledMilliseconds, int MemoryMb, int Delivery);

/// <summary>The billing records as anybody can read them.</summary>
internal sealed class RecordTable(NpgsqlDataSource source) : IAsyncDisposable
{
    public NpgsqlDataSource Source => source;

    public async Task<IReadOnlyList<RecordRow>> AllAsync()
    {
        await using var command = source.CreateCommand(
            "select run_id, request_id, function_name, outcome, worker, environment, billed_ms, memory_mb, delivery from invocation_records");
        await using var reader = await command.ExecuteReaderAsync();
        List<RecordRow> rows = [];
        while (await reader.ReadAsync())
        {
            rows.Add(new RecordRow(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), (RunOutcome)reader.GetInt16(3), reader.GetString(4),
                reader.GetString(5), reader.GetInt64(6), reader.GetInt32(7), reader.GetInt32(8)));
        }

        return rows;
    }

    /// <summary>Waits until each of the requests has a record.</summary>
    public async Task<IReadOnlyList<RecordRow>> OfAllAsync(IEnumerable<Guid> requests, TimeSpan? limit = null)
    {
        var expected = requests.ToHashSet();
        IReadOnlyList<RecordRow> rows = [];
        try
        {
            await Until.TrueAsync(
                async () =>
                {
                    rows = await AllAsync();
                    return expected.IsSubsetOf(rows.Select(row => row.RequestId));
                },
                $"records of {expected.Count} requests", limit);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}; {expected.Except(rows.Select(row => row.RequestId)).Count()} are missing", late);
        }

        return rows;
    }

    public ValueTask DisposeAsync() => source.DisposeAsync();
}
