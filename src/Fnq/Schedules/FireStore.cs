using Fnq.Contracts;
using Fnq.Dispatch;
using Npgsql;
using NpgsqlTypes;

namespace Fnq.Schedules;

/// <summary>
/// Due times as rows. Whoever claims one first writes the events that it makes, in one transaction with the mark that it
/// is dealt with; they are published from the rows, by whom ever.
/// </summary>
internal sealed class FireStore(NpgsqlDataSource source)
{
    /// <summary>Whoever took a row has this long to publish it.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    private const string LockSql = """
        select s.kind, s.account_id, s.region, s.name, s.handled_until < $3, s.deletes_itself, t.target_id, t.function_arn, t.input
        from schedules s left join schedule_targets t on t.schedule_id = s.id
        where s.id = $1 and s.revision = $2 and s.is_enabled for update of s
        """;

    private const string InsertSql = """
        insert into schedule_fires
          (schedule_id, target_id, due_at, request_id, account_id, region, function_name, qualifier, payload, state, claimed_at, retry_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', now(), now() + $10) on conflict do nothing
        """;

    private const string TakeSql = """
        update schedule_fires f set retry_at = now() + $1
        from (select schedule_id, target_id, due_at from schedule_fires
          where state = 'pending' and retry_at < now() order by retry_at limit $2 for update skip locked) p
        where f.schedule_id = p.schedule_id and f.target_id = p.target_id and f.due_at = p.due_at
        returning f.schedule_id, f.target_id, f.due_at, f.request_id, f.account_id, f.region, f.function_name, f.qualifier, f.payload
        """;

    /// <param name="id">The schedule.</param>
    /// <param name="revision">That the due time was worked out by.</param>
    /// <param name="due">By the expression.</param>
    /// <param name="isLast">None will follow: a schedule that deletes itself is deleted.</param>
    /// <param name="cancellationToken">Of the process.</param>
    public async Task<Claim> ClaimAsync(Guid id, Guid revision, DateTimeOffset due, bool isLast, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (await LockAsync(connection, id, revision, due, cancellationToken) is not { } locked)
        {
            return new Claim(ClaimStatus.Gone, []);
        }

        if (!locked.IsOpen)
        {
            return new Claim(ClaimStatus.Taken, []);
        }

        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(isLast && locked.DeletesItself
            ? Command("delete from schedules where id = $1", id)
            : Command("update schedules set handled_until = $2 where id = $1", id, due.UtcDateTime));
        foreach (var fire in locked.Fires)
        {
            batch.BatchCommands.Add(Command(
                InsertSql, fire.ScheduleId, fire.TargetId, fire.DueAt.UtcDateTime, fire.RequestId, fire.Function.AccountId, fire.Function.Region,
                fire.Function.Name, (object?)fire.Qualifier ?? DBNull.Value, fire.Payload, Lease));
        }

        await batch.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new Claim(ClaimStatus.Claimed, locked.Fires);
    }

    /// <summary>Events that were claimed a while ago and not published: their process died, or the broker took none.</summary>
    public async Task<List<ScheduleFire>> TakePendingAsync(int count, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(TakeSql);
        command.Parameters.AddWithValue(Lease);
        command.Parameters.AddWithValue(count);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        List<ScheduleFire> taken = [];
        while (await rows.ReadAsync(cancellationToken))
        {
            taken.Add(new ScheduleFire
            {
                ScheduleId = rows.GetGuid(0),
                TargetId = rows.GetString(1),
                DueAt = rows.GetDateTime(2),
                RequestId = rows.GetGuid(3),
                Function = new FunctionKey(rows.GetString(4), rows.GetString(5), rows.GetString(6)),
                Qualifier = rows.IsDBNull(7) ? null : rows.GetString(7),
                Payload = rows.GetFieldValue<byte[]>(8),
            });
        }

        return taken;
    }

    /// <param name="fire">Which.</param>
    /// <param name="failure">Null when it was published.</param>
    /// <param name="cancellationToken">Of the process.</param>
    public async Task MarkAsync(ScheduleFire fire, string? failure, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            """
            update schedule_fires set state = case when $4::text is null then 'published' else 'failed' end, reason = $4, payload = null
            where schedule_id = $1 and target_id = $2 and due_at = $3 and state = 'pending'
            """);
        command.Parameters.AddWithValue(fire.ScheduleId);
        command.Parameters.AddWithValue(fire.TargetId);
        command.Parameters.AddWithValue(fire.DueAt.UtcDateTime);
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)failure ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <returns>How many were removed, at most <paramref name="count"/>.</returns>
    public async Task<int> RemoveOlderAsync(TimeSpan published, TimeSpan failed, int count, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            """
            delete from schedule_fires where ctid = any(array(
              select ctid from schedule_fires
              where (state = 'published' and claimed_at < now() - $1) or (state = 'failed' and claimed_at < now() - $2)
              order by claimed_at limit $3 for update skip locked))
            """);
        command.Parameters.AddWithValue(published);
        command.Parameters.AddWithValue(failed);
        command.Parameters.AddWithValue(count);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<Locked?> LockAsync(
        NpgsqlConnection connection, Guid id, Guid revision, DateTimeOffset due, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(LockSql, connection);
        command.Parameters.AddWithValue(id);
        command.Parameters.AddWithValue(revision);
        command.Parameters.AddWithValue(due.UtcDateTime);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        Locked? locked = null;
        while (await rows.ReadAsync(cancellationToken))
        {
            locked ??= new Locked(rows.GetBoolean(4), rows.GetBoolean(5), []);
            if (!rows.IsDBNull(6))
            {
                var key = new ScheduleKey(rows.GetString(0), rows.GetString(1), rows.GetString(2), rows.GetString(3));
                locked.Fires.Add(FireOf(key, id, due, new ScheduleTargetRow
                {
                    TargetId = rows.GetString(6),
                    FunctionArn = rows.GetString(7),
                    Input = rows.IsDBNull(8) ? null : rows.GetString(8),
                }));
            }
        }

        return locked;
    }

    private static ScheduleFire FireOf(ScheduleKey key, Guid id, DateTimeOffset due, ScheduleTargetRow target)
    {
        var destination = (FunctionDestination)EventDestination.Parse(target.FunctionArn)!;
        return new ScheduleFire
        {
            ScheduleId = id,
            TargetId = target.TargetId,
            DueAt = due,
            RequestId = ScheduledEvent.IdOf(id, $"target/{target.TargetId}", due),
            Function = destination.Function,
            Qualifier = destination.Qualifier,
            Payload = ScheduledEvent.PayloadOf(key, id, target, due),
        };
    }

    private static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.AddWithValue(value);
        }

        return command;
    }

    private sealed record Locked(bool IsOpen, bool DeletesItself, List<ScheduleFire> Fires);
}
