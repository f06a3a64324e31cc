using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Fnq.Dispatch;

/// <summary>Queues of Fnq's own in the users' virtual host.</summary>
internal static class QueueNames
{
    private const string ReturnPrefix = "fnq.return.";
    private const int BytesMax = 255;

    /// <summary>Where messages of a queue wait until they come back.</summary>
    public static string ReturnOf(string queue, int seconds)
    {
        var suffix = string.Create(CultureInfo.InvariantCulture, $".{seconds}");
        var name = ReturnPrefix + queue + suffix;
        return Encoding.UTF8.GetByteCount(name) <= BytesMax
            ? name
            : ReturnPrefix + "sha256-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(queue))) + suffix;
    }

    /// <summary>Nobody listens to what only waits.</summary>
    public static bool IsReturns(string queue) => queue.StartsWith(ReturnPrefix, StringComparison.Ordinal);
}
