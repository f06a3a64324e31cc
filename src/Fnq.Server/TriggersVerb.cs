using System.CommandLine;
using Fnq.Amqp;
using Fnq.Storage;
using Fnq.Triggers;
using Npgsql;

namespace Fnq.Server;

internal static class TriggersVerb
{
    public static Command Command()
    {
        var command = new Command("triggers", "Which functions listen to which queues: state, messages that wait, the last error");
        command.SetAction(async (_, cancellationToken) =>
        {
            if (Settings.TryRead() is not { } settings)
            {
                return 2;
            }

            await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(settings.PostgresUrl));
            await TriggersCommand.RunAsync(source, AmqpAddress.Parse(settings.AmqpUrl), Console.Out, cancellationToken);
            return 0;
        });
        return command;
    }
}
