using System.Text.Json;
using System.Text.RegularExpressions;

namespace Fnq.Benchmarks.Load;

internal sealed record WrkResult(double PerSecond, double P50Milliseconds, double P99Milliseconds, long Requests);

/// <summary>Debian's wrk, which corrects for coordinated omission, with one thread and requests that were signed beforehand.</summary>
internal static partial class Wrk
{
    /// <summary>
    /// No response function: wrk then counts statuses in C and stays cheap. What the replies say is checked by samples
    /// before and after, and their sizes by the total of bytes.
    /// </summary>
    private const string Script = """
        local requests, last, at = {}, 0, 0

        function init(arguments)
          local file = assert(io.open(arguments[1], "rb"))
          local all = file:read("*a")
          file:close()
          local position = 1
          while position <= #all do
            local size_end = all:find("\n", position, true)
            local size = tonumber(all:sub(position, size_end - 1))
            last = last + 1
            requests[last] = all:sub(size_end + 1, size_end + size)
            position = size_end + size + 1
          end
        end

        function request()
          at = at % last + 1
          return requests[at]
        end

        function done(summary, latency, requests)
          local errors = summary.errors
          io.write(string.format('FNQ {"requests":%d,"microseconds":%d,"bytes":%d,"socket":%d,"status":%d,"p50":%d,"p99":%d}\n',
            summary.requests, summary.duration, summary.bytes,
            errors.connect + errors.read + errors.write + errors.timeout, errors.status,
            latency:percentile(50), latency:percentile(99)))
        end
        """;

    public static void RequireInstalled()
    {
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "wrk")));
        if (!found)
        {
            throw new BenchException("wrk is missing: ./fnq bench installs it as root on Debian; otherwise: apt-get install wrk.");
        }
    }

    /// <summary>Every request must have been answered 200 with at least its own bytes; anything else is an error, not a figure.</summary>
    public static async Task<WrkResult> RunAsync(
        Uri address, SignedRequests requests, int connections, TimeSpan duration, CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var script = Path.Combine(folder.Path, "load.lua");
        var file = Path.Combine(folder.Path, "requests");
        await File.WriteAllTextAsync(script, Script, cancellationToken);
        await requests.WriteAsync(file, cancellationToken);
        var seconds = Math.Max(1, (int)Math.Round(duration.TotalSeconds));
        var run = await Shell.RunAsync(
            "wrk",
            ["-t1", $"-c{connections}", $"-d{seconds}s", "--timeout", "30s", "--latency", "-s", script, address.ToString(), "--", file],
            limit: duration + TimeSpan.FromSeconds(60), cancellationToken: cancellationToken);
        var line = SummaryLine().Match(run.Output);
        if (run.ExitCode != 0 || !line.Success)
        {
            throw new InvalidOperationException($"wrk ended with {run.ExitCode}: {run.Output}{run.Error}");
        }

        return Read(JsonDocument.Parse(line.Groups[1].Value).RootElement, requests.ReplyBytes);
    }

    private static WrkResult Read(JsonElement summary, int replyBytes)
    {
        var requests = summary.GetProperty("requests").GetInt64();
        var (socket, status) = (summary.GetProperty("socket").GetInt64(), summary.GetProperty("status").GetInt64());
        if (requests == 0 || socket > 0 || status > 0)
        {
            throw new InvalidOperationException($"of {requests} requests {status} had an error status and {socket} a socket error");
        }

        if (summary.GetProperty("bytes").GetInt64() < requests * replyBytes)
        {
            throw new InvalidOperationException("the replies are shorter than the requests that they should echo");
        }

        return new WrkResult(
            requests / (summary.GetProperty("microseconds").GetInt64() / 1e6),
            summary.GetProperty("p50").GetInt64() / 1e3,
            summary.GetProperty("p99").GetInt64() / 1e3,
            requests);
    }

    [GeneratedRegex(@"^FNQ (\{.*\})$", RegexOptions.Multiline)]
    private static partial Regex SummaryLine();
}
