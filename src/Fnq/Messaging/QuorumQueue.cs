using System.Text;

namespace Fnq.Messaging;

/// <summary>What a quorum queue without a delivery limit is declared with.</summary>
internal static class QuorumQueue
{
    /// <summary>
    /// RabbitMQ 4 gives every quorum queue a delivery limit of 20 unless it is told -1. Before 4.0 there is no limit by
    /// default, and -1 is the opposite of none: 3.10.8 accepts it and drops a message at its first return (tried).
    /// </summary>
    public static Dictionary<string, object?> Arguments(Version server)
    {
        var arguments = new Dictionary<string, object?> { ["x-queue-type"] = "quorum" };
        if (server.Major >= 4)
        {
            arguments["x-delivery-limit"] = -1;
        }

        return arguments;
    }

    public static Version ServerVersion(IDictionary<string, object?>? properties)
    {
        var text = properties is not null && properties.TryGetValue("version", out var value) && value is byte[] bytes
            ? Encoding.UTF8.GetString(bytes)
            : "";

        // Pre-releases look like 4.1.0-rc.1.
        return Version.TryParse(text.Split('-', '+')[0], out var version)
            ? version
            : throw new InvalidOperationException($"The broker does not tell its version (\"{text}\").");
    }
}
