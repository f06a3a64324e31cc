using System.CommandLine;
using Fnq.Invocations.Events;
using Fnq.Storage;
using Npgsql;

namespace Fnq.Server;

internal static class EventsVerb
{
    public static Command Command()
    {
        var id = new Argument<Guid?>("id") { Description = "A request id; without it the latest 50 events", Arity = ArgumentArity.ZeroOrOne };
        var function = new Option<string?>("--function") { Description = "Only events of this function" };
        var json = new Option<bool>("--json") { Description = "An array with all that is known of each" };
        var command = new Command("events", "What became of asynchronous invocations: state, condition, attempts") { id, function, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (Settings.TryRead() is not { } settings)
            {
                return 2;
            }

            await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(settings.PostgresUrl));
            return await EventsCommand.RunAsync(
                new OutcomeStore(source), parsed.GetValue(id), parsed.GetValue(function), parsed.GetValue(json), Console.Out, cancellationToken);
        });
        return command;
    }
}
