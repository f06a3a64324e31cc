using System.Globalization;
using Fnq.Amqp;
using Fnq.Logs;
using Npgsql;

namespace Fnq.Triggers;

/// <summary><c>fnq triggers</c>: which functions listen to which queues, and how it goes.</summary>
internal static class TriggersCommand
{
    private const string Sql =
        """
        select id, queue, source_arn, account_id, region, function_name, qualifier, enabled, case when lease_until > now() then lease_owner end,
          last_error, last_error_at
        from event_source_mappings order by queue, id
        """;

    public static async Task RunAsync(NpgsqlDataSource source, AmqpAddress users, TextWriter output, CancellationToken cancellationToken)
    {
        var mappings = await ReadAsync(source, cancellationToken);
        if (mappings.Count == 0)
        {
            await output.WriteLineAsync("No function listens to a queue.");
            return;
        }

        var depths = await DepthsAsync(users, [.. mappings.Select(mapping => mapping.Queue).Distinct()], cancellationToken);
        await output.WriteLineAsync($"{"UUID",-36}  {"STATE",-8}  {"MESSAGES",8}  {"QUEUE",-30}  {"FUNCTION",-30}  {"SERVED BY",-30}  LAST ERROR");
        foreach (var mapping in mappings)
        {
            await output.WriteLineAsync(
                $"{mapping.Id,-36}  {(mapping.IsEnabled ? "Enabled" : "Disabled"),-8}  {depths.GetValueOrDefault(mapping.Queue, "?"),8}  "
                + $"{TerminalText.Neutralise(mapping.Queue),-30}  {mapping.Function,-30}  {mapping.Owner ?? "nobody",-30}  {TerminalText.Neutralise(mapping.Error ?? "")}");
        }
    }

    private static async Task<List<Shown>> ReadAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(Sql);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        List<Shown> found = [];
        while (await rows.ReadAsync(cancellationToken))
        {
            string? Text(int column) => rows.IsDBNull(column) ? null : rows.GetString(column);
            var at = rows.IsDBNull(10) ? null : rows.GetFieldValue<DateTimeOffset>(10).ToString("HH:mm:ss'Z' ", CultureInfo.InvariantCulture);
            found.Add(new(
                rows.GetGuid(0), rows.GetString(1), rows.GetString(5) + (Text(6) is { } qualifier ? $":{qualifier}" : ""), rows.GetBoolean(7), Text(8),
                Text(9) is { } error ? at + error : null));
        }

        return found;
    }

    /// <summary>What the broker tells; a queue that is not there, or a broker that does not answer, is left out.</summary>
    private static async Task<Dictionary<string, string>> DepthsAsync(AmqpAddress users, List<string> queues, CancellationToken cancellationToken)
    {
        var depths = new Dictionary<string, string>();
        try
        {
            await using var connection = await AmqpConnection.ConnectAsync(users, "fnq triggers", TimeProvider.System, cancellationToken);
            foreach (var queue in queues)
            {
                depths[queue] = await DepthAsync(connection, queue);
            }
        }
        catch (IOException)
        {
            // The table says so by its question marks.
        }

        return depths;
    }

    /// <summary>A question about a queue that is not there closes its channel.</summary>
    private static async Task<string> DepthAsync(AmqpConnection connection, string queue)
    {
        await using var channel = await connection.OpenChannelAsync();
        try
        {
            return (await channel.InspectQueueAsync(queue)).Messages.ToString(CultureInfo.InvariantCulture);
        }
        catch (AmqpClosedException gone) when (gone.Code == AmqpClosedException.NotFound)
        {
            return "no queue";
        }
    }


    private sealed record Shown(Guid Id, string Queue, string Function, bool IsEnabled, string? Owner, string? Error);
}
