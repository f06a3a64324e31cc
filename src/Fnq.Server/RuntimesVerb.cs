using System.CommandLine;
using Fnq.Execution.Runtimes;

namespace Fnq.Server;

internal static class RuntimesVerb
{
    public static Command Command() => new("runtimes", "The language runtimes of this host")
    {
        List(),
        Install(),
        Remove(),
    };

    private static Command List()
    {
        var command = new Command("list", "What is installed, and what could be");
        command.SetAction((_, cancellationToken) => RuntimesCommand.ListAsync(Catalog(), Console.Out, cancellationToken));
        return command;
    }

    private static Command Install()
    {
        var names = Names();
        var ifMissing = new Option<bool>("--if-missing") { Description = "Leaves alone what is installed" };
        var command = new Command("install", "Builds runtimes; `init` is process 1 of the sandboxes") { names, ifMissing };
        command.SetAction((parsed, cancellationToken) => RuntimesCommand.InstallAsync(
            Catalog(), parsed.GetRequiredValue(names), parsed.GetValue(ifMissing), Console.Out, cancellationToken));
        return command;
    }

    private static Command Remove()
    {
        var names = Names();
        var command = new Command("remove", "Deletes runtimes from this host") { names };
        command.SetAction((parsed, _) => RuntimesCommand.RemoveAsync(Catalog(), parsed.GetRequiredValue(names), Console.Out));
        return command;
    }

    private static Argument<string[]> Names() => new("NAME") { Arity = ArgumentArity.OneOrMore, Description = "For example python3.13" };

    /// <summary>Needs no broker and no database: it runs before there are any.</summary>
    private static RuntimeCatalog Catalog()
    {
        var data = Environment.GetEnvironmentVariable("FNQ_DATA") ?? ".fnq";
        var folder = Environment.GetEnvironmentVariable("FNQ_RUNTIMES") ?? Path.Combine(data, "runtimes");
        return new RuntimeCatalog(new RuntimeOptions { Folder = Path.GetFullPath(folder) });
    }
}
