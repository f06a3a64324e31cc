using System.CommandLine;
using Fnq.Billing;
using Fnq.Storage;
using Npgsql;

namespace Fnq.Server;

internal static class UsageVerb
{
    public static Command Command()
    {
        var function = new Option<string?>("--function") { Description = "Only this function" };
        var json = new Option<bool>("--json") { Description = "An array of function, invocations, billedMs, gbSeconds" };
        var command = new Command("usage", "Invocations, billed milliseconds and GB-seconds by function, from the billing records") { function, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (Settings.TryRead() is not { } settings)
            {
                return 2;
            }

            await using var source = NpgsqlDataSource.Create(PostgresUrl.ToConnectionString(settings.PostgresUrl));
            return await UsageCommand.RunAsync(source, parsed.GetValue(function), parsed.GetValue(json), Console.Out, cancellationToken);
        });
        return command;
    }
}
