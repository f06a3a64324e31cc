using Fnq.Contracts;
using Fnq.Dispatch;
using Npgsql;

namespace Fnq.Functions.EventSources;

/// <summary>Leases of mappings: one owner each, by the database's clock.</summary>
internal sealed class QueueMappings(NpgsqlDataSource source) : IQueueMappings
{
    private const int ErrorMax = 1_024;

    /// <summary>Batches of a mapping that says nothing of it.</summary>
    private const int DefaultConcurrency = 10;

    /// <summary>
    /// Its own first, then those of nobody; what is beyond its share it lets go. Shares are rounded up, so that all are served.
    /// </summary>
    private const string ClaimSql =
        """
        with share as (
          select ceil((select count(*) from event_source_mappings where enabled)::numeric
            / greatest(1, (select count(*) from nodes where lease_until > now() and 'triggers' = any(roles))))::bigint as size),
        chosen as (
          select id from event_source_mappings
          where enabled and (lease_owner = $1 or lease_until < now())
          order by (lease_owner = $1 and lease_until >= now()) desc nulls last, id
          limit (select size from share)
          for update skip locked)
        update event_source_mappings m set
          lease_token = case when m.lease_owner = $1 then m.lease_token else m.lease_token + 1 end,
          lease_owner = $1, lease_until = now() + $2
        from chosen where m.id = chosen.id
        returning m.id, m.revision, m.account_id, m.region, m.function_name, m.qualifier, m.shape, m.source_arn, m.queue, m.batch_size,
          m.window_seconds, m.maximum_concurrency, m.filters, m.response_types
        """;

    public async Task<IReadOnlyList<QueueMapping>> ClaimAsync(NodeId self, TimeSpan lease, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(ClaimSql);
        command.Parameters.AddWithValue(self.Value);
        command.Parameters.AddWithValue(lease);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        List<QueueMapping> claimed = [];
        while (await rows.ReadAsync(cancellationToken))
        {
            claimed.Add(Read(rows));
        }

        return claimed;
    }

    public async Task ReleaseAsync(NodeId self, IReadOnlyCollection<Guid> mappings, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            "update event_source_mappings set lease_owner = null, lease_until = '-infinity' where lease_owner = $1 and id = any($2)");
        command.Parameters.AddWithValue(self.Value);
        command.Parameters.AddWithValue(mappings.ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task ReportAsync(NodeId self, IReadOnlyCollection<QueueReport> reports, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            """
            update event_source_mappings m set last_error = r.error, last_error_at = case when r.error is null then null else now() end
            from unnest($2, $3) as r (id, error) where m.id = r.id and m.lease_owner = $1
            """);
        command.Parameters.AddWithValue(self.Value);
        command.Parameters.AddWithValue(reports.Select(report => report.Mapping).ToArray());
        command.Parameters.AddWithValue(reports.Select(report => Shown(report.Error)).ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static QueueMapping Read(NpgsqlDataReader row) => new()
    {
        Id = row.GetGuid(0),
        Revision = row.GetInt64(1),
        Function = new FunctionKey(row.GetString(2), row.GetString(3), row.GetString(4)),
        Qualifier = row.IsDBNull(5) ? null : row.GetString(5),
        Shape = (QueueEventShape)row.GetInt32(6),
        SourceArn = row.GetString(7),
        Queue = row.GetString(8),
        BatchSize = row.GetInt32(9),
        Window = TimeSpan.FromSeconds(row.GetInt32(10)),
        Concurrency = row.IsDBNull(11) ? DefaultConcurrency : row.GetInt32(11),
        Filters = row.GetFieldValue<string[]>(12),
        ReportsBatchItemFailures = row.GetFieldValue<string[]>(13).Contains(EventSourceRules.BatchItemFailures),
    };

    /// <summary>Postgres takes no NUL.</summary>
    private static string? Shown(string? error) => (error is { Length: > ErrorMax } ? error[..ErrorMax] : error)?.Replace('\0', ' ');
}
