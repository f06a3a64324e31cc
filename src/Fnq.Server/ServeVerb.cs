using System.CommandLine;
using Fnq.Hosting;
using Microsoft.Extensions.Hosting;

namespace Fnq.Server;

internal static class ServeVerb
{
    public static Command Command()
    {
        var roles = new Option<string?>("--roles") { Description = "api,worker,triggers,scheduler; by default all, or FNQ_ROLES" };
        var command = new Command("serve", "Runs this process with its roles until it is told to stop") { roles };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (Settings.TryRead(parsed.GetValue(roles)) is not { } settings)
            {
                return 2;
            }

            await using var server = await FnqServer.StartAsync(settings, cancellationToken);
            await server.WaitForShutdownAsync(cancellationToken);
            return 0;
        });
        return command;
    }
}
