using System.CommandLine;

namespace Fnq.Server;

internal static class DemoVerb
{
    public static Command Command()
    {
        var command = new Command("demo", "Creates a sample function over the public API, invokes it, shows its answer, log and cost");
        command.SetAction(async (_, cancellationToken) =>
            Settings.TryRead() is { } settings ? await new Demo(settings, Console.Out).RunAsync(cancellationToken) : 2);
        return command;
    }
}
