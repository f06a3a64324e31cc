using Fnq.Contracts;
using Npgsql;

namespace Fnq.Messaging;

/// <summary>Which processes are alive: one leased row each, by the database's clock.</summary>
internal sealed partial class NodeRegistry(NpgsqlDataSource source, NodeId self, IReadOnlyList<string> roles, TimeProvider time, ILogger<NodeRegistry> logger)
{
    /// <summary>A node that has not renewed for this long is taken for dead.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(3);

    private long _renewedAt = long.MinValue;

    /// <summary>Whether this node's own lease runs, by its own clock.</summary>
    public bool IsLeased => Volatile.Read(ref _renewedAt) is var at && at != long.MinValue && time.GetElapsedTime(at) < Lease;

    public async Task RenewForeverAsync(CancellationToken cancellationToken)
    {
        using var tick = new PeriodicTimer(Renewal, time);
        do
        {
            try
            {
                await RenewAsync(cancellationToken);
            }
            catch (Exception error) when (error is NpgsqlException or TimeoutException)
            {
                LogRenewalFailed(error);
            }
        }
        while (await tick.WaitForNextTickAsync(cancellationToken));
    }

    public async Task RenewAsync(CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            """
            insert into nodes (id, roles, lease_until) values ($1, $2, now() + $3)
            on conflict (id) do update set lease_until = excluded.lease_until
            """);
        command.Parameters.AddWithValue(self.Value);
        command.Parameters.AddWithValue(roles.ToArray());
        command.Parameters.AddWithValue(Lease);
        var asked = time.GetTimestamp();
        await command.ExecuteNonQueryAsync(cancellationToken);
        Volatile.Write(ref _renewedAt, asked);
    }

    /// <summary>Nodes whose lease runs and that cache functions or run them; dead rows are cleared on the way.</summary>
    public async Task<IReadOnlyList<LiveNode>> LiveAsync(CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            """
            with dead as (delete from nodes where lease_until < now() - interval '1 hour')
            select id, 'worker' = any(roles) from nodes where lease_until > now() and roles && array['api', 'worker', 'triggers']
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<LiveNode> live = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            live.Add(new LiveNode(new NodeId(reader.GetString(0)), reader.GetBoolean(1)));
        }

        return live;
    }

    public async Task LeaveAsync(CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand("delete from nodes where id = $1");
        command.Parameters.AddWithValue(self.Value);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(2020, LogLevel.Warning, "The node lease could not be renewed")]
    private partial void LogRenewalFailed(Exception error);
}

internal sealed record LiveNode(NodeId Id, bool IsWorker);
