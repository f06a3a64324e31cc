using System.CommandLine;
using Fnq.Hosting;

namespace Fnq.Server;

internal static class EnvVerb
{
    public static Command Command()
    {
        var command = new Command("env", "Prints the exports that the AWS CLI needs");
        command.SetAction(_ =>
        {
            if (Settings.TryRead() is not { } settings)
            {
                return 2;
            }

            var (id, secret) = Credentials.Of(settings);
            foreach (var (name, value) in new (string, string)[]
            {
                ("AWS_ENDPOINT_URL", $"http://localhost:{settings.Port}"),
                ("AWS_ACCESS_KEY_ID", id),
                ("AWS_SECRET_ACCESS_KEY", secret),
                ("AWS_DEFAULT_REGION", settings.Region),
                ("FNQ_AMQP_URL", settings.AmqpUrl),
                ("FNQ_POSTGRES_URL", settings.PostgresUrl),
            })
            {
                Console.WriteLine($"export {name}='{value.Replace("'", @"'\''", StringComparison.Ordinal)}'");
            }

            return 0;
        });
        return command;
    }
}
