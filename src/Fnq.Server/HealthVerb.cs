using System.CommandLine;

namespace Fnq.Server;

/// <summary>For container health checks: exit 0 when the process of this port is ready.</summary>
internal static class HealthVerb
{
    public static Command Command()
    {
        var command = new Command("health", "Asks the process on FNQ_PORT whether it is ready");
        command.SetAction(async (_, cancellationToken) =>
        {
            var port = Environment.GetEnvironmentVariable("FNQ_PORT") ?? "9000";
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
            try
            {
                using var answer = await http.GetAsync($"http://127.0.0.1:{port}/readyz", cancellationToken);
                Console.Write(await answer.Content.ReadAsStringAsync(cancellationToken));
                return answer.IsSuccessStatusCode ? 0 : 1;
            }
            catch (HttpRequestException error)
            {
                Console.WriteLine($"not ready: {error.Message}");
                return 1;
            }
        });
        return command;
    }
}
