using System.CommandLine;
using Fnq.Logs;

namespace Fnq.Server;

internal static class LogsVerb
{
    public static Command Command()
    {
        var name = new Argument<string>("NAME") { Description = "The function" };
        var follow = new Option<bool>("--follow", "-f") { Description = "Goes on with what comes" };
        var command = new Command("logs", "What a function and the platform wrote, of all its environments on this node") { name, follow };
        command.SetAction(async (parsed, cancellationToken) => Settings.TryRead() is { } settings
            ? await LogsCommand.RunAsync(
                settings.DataFolder, settings.AccountId, settings.Region, parsed.GetRequiredValue(name),
                parsed.GetValue(follow), Console.Out, cancellationToken)
            : 2);
        return command;
    }
}
