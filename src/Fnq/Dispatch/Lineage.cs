using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fnq.Contracts;

namespace Fnq.Dispatch;

/// <summary>
/// How many functions called one another before this invocation, as the part <c>Lineage=1:hash:hops</c> of the trace
/// header. AWS's SDKs pass the header on from inside a function.
/// </summary>
internal static class Lineage
{
    /// <summary>The hop that is refused (AWS: about 16).</summary>
    public const int Limit = 16;
    private const string Part = "Lineage=";

    /// <summary>The trace of an invocation that brings none.</summary>
    public static string NewTrace(TimeProvider time) => string.Create(
        CultureInfo.InvariantCulture,
        $"Root=1-{time.GetUtcNow().ToUnixTimeSeconds():x8}-{RandomNumberGenerator.GetHexString(24, lowercase: true)};Sampled=0");

    /// <summary>Null when the trace has none, or none of this form.</summary>
    public static int? HopsOf(ReadOnlySpan<char> trace)
    {
        foreach (var range in trace.Split(';'))
        {
            if (trace[range].StartsWith(Part, StringComparison.OrdinalIgnoreCase))
            {
                var value = trace[range];
                var count = value[(value.LastIndexOf(':') + 1)..];
                return int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var hops) ? hops : null;
            }
        }

        return null;
    }

    /// <summary>The hop of an invocation. What a function says is believed only as far as it makes the chain longer.</summary>
    /// <param name="said">From the caller's trace.</param>
    /// <param name="caller">The deepest hop at which the calling function runs now; null when the caller is no function.</param>
    public static int Next(int? said, int? caller) =>
        caller is { } running ? Math.Max(said ?? 0, running) + 1 : said is { } hops ? hops + 1 : 0;

    /// <summary>The trace with the hops of the invocation that it goes to; as it came for one that no function has made.</summary>
    public static string Write(string trace, FunctionKey function, int hops)
    {
        if (hops == 0)
        {
            return trace;
        }

        var kept = trace.Split(';').Where(part => !part.StartsWith(Part, StringComparison.OrdinalIgnoreCase));
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(function.Arn)).AsSpan(0, 4));
        return string.Create(CultureInfo.InvariantCulture, $"{string.Join(';', kept)};{Part}1:{hash}:{hops}");
    }
}
