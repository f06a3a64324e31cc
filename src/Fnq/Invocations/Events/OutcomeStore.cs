using System.Text;
using Fnq.Contracts;
using Npgsql;
using NpgsqlTypes;

namespace Fnq.Invocations.Events;

/// <summary>Reads and writes <c>event_outcomes</c>. An event that has ended stays as it ended, whoever writes again.</summary>
internal sealed class OutcomeStore(NpgsqlDataSource source)
{
    private const string Columns =
        "request_id, account_id, region, function_name, qualifier, trigger, state, condition, attempts, accepted_at, updated_at, retry_at, error, delivery_error";

    private const string WriteSql = $"""
        insert into event_outcomes ({Columns})
        select * from unnest(
          @ids, @accounts, @regions, @functions, @qualifiers, @triggers, @states, @conditions, @attempts, @accepted, @updated, @retries, @errors,
          @deliveries)
        on conflict (request_id) do update set
          state = excluded.state, condition = excluded.condition, attempts = excluded.attempts, updated_at = excluded.updated_at,
          retry_at = excluded.retry_at, error = excluded.error, delivery_error = excluded.delivery_error
        where event_outcomes.state = 'waiting'
        """;

    /// <param name="outcomes">Each request id once.</param>
    /// <param name="cancellationToken">Of the process.</param>
    public async Task WriteAsync(IReadOnlyList<EventOutcome> outcomes, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(WriteSql);
        Add(command, "ids", NpgsqlDbType.Uuid, outcomes, outcome => outcome.RequestId);
        Add(command, "accounts", NpgsqlDbType.Text, outcomes, outcome => outcome.Function.AccountId);
        Add(command, "regions", NpgsqlDbType.Text, outcomes, outcome => outcome.Function.Region);
        Add(command, "functions", NpgsqlDbType.Text, outcomes, outcome => outcome.Function.Name);
        Add(command, "qualifiers", NpgsqlDbType.Text, outcomes, outcome => outcome.Qualifier);
        Add(command, "triggers", NpgsqlDbType.Text, outcomes, outcome => outcome.Trigger);
        Add(command, "states", NpgsqlDbType.Text, outcomes, outcome => outcome.State);
        Add(command, "conditions", NpgsqlDbType.Text, outcomes, outcome => outcome.Condition);
        Add(command, "attempts", NpgsqlDbType.Integer, outcomes, outcome => outcome.Attempts);
        Add(command, "accepted", NpgsqlDbType.TimestampTz, outcomes, outcome => outcome.AcceptedAt.UtcDateTime);
        Add(command, "updated", NpgsqlDbType.TimestampTz, outcomes, outcome => outcome.UpdatedAt.UtcDateTime);
        Add(command, "retries", NpgsqlDbType.TimestampTz, outcomes, outcome => outcome.RetryAt?.UtcDateTime);
        Add(command, "errors", NpgsqlDbType.Text, outcomes, outcome => Storable(outcome.Error));
        Add(command, "deliveries", NpgsqlDbType.Text, outcomes, outcome => Storable(outcome.DeliveryError));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<EventOutcome?> FindAsync(Guid requestId, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand($"select {Columns} from event_outcomes where request_id = $1");
        command.Parameters.AddWithValue(requestId);
        return (await ReadAsync(command, cancellationToken)).SingleOrDefault();
    }

    /// <summary>The latest first.</summary>
    /// <param name="function">Null is every function.</param>
    /// <param name="count">At most.</param>
    /// <param name="cancellationToken">Of the command.</param>
    public async Task<List<EventOutcome>> ListAsync(string? function, int count, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"select {Columns} from event_outcomes where $1::text is null or function_name = $1 order by accepted_at desc, request_id limit $2");
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)function ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.AddWithValue(count);
        return await ReadAsync(command, cancellationToken);
    }

    /// <summary>Ended ones only: what waits is still to be answered for.</summary>
    /// <returns>How many were removed, at most <paramref name="count"/>.</returns>
    public async Task<int> RemoveOlderAsync(DateTimeOffset limit, int count, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            """
            delete from event_outcomes where request_id in (
              select request_id from event_outcomes where state <> 'waiting' and accepted_at < $1 order by accepted_at limit $2 for update skip locked)
            """);
        command.Parameters.AddWithValue(limit.UtcDateTime);
        command.Parameters.AddWithValue(count);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<List<EventOutcome>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var found = new List<EventOutcome>();
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            found.Add(new EventOutcome
            {
                RequestId = rows.GetGuid(0),
                Function = new FunctionKey(rows.GetString(1), rows.GetString(2), rows.GetString(3)),
                Qualifier = Text(rows, 4),
                Trigger = rows.GetString(5),
                State = rows.GetString(6),
                Condition = Text(rows, 7),
                Attempts = rows.GetInt32(8),
                AcceptedAt = rows.GetDateTime(9),
                UpdatedAt = rows.GetDateTime(10),
                RetryAt = rows.IsDBNull(11) ? null : rows.GetDateTime(11),
                Error = Text(rows, 12),
                DeliveryError = Text(rows, 13),
            });
        }

        return found;
    }

    private static string? Text(NpgsqlDataReader rows, int column) => rows.IsDBNull(column) ? null : rows.GetString(column);

    /// <summary>A function's error may have what Postgres has not: NUL, and halves of characters.</summary>
    private static string? Storable(string? text) => text is null ? null : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.Replace('\0', '\uFFFD')));

    private static void Add<T>(NpgsqlCommand command, string name, NpgsqlDbType type, IReadOnlyList<EventOutcome> outcomes, Func<EventOutcome, T> value) =>
        command.Parameters.Add(new NpgsqlParameter(name, NpgsqlDbType.Array | type) { Value = outcomes.Select(value).ToArray() });
}
