using System.Net;

namespace Fnq.Triggers.Http;

/// <summary>A request to a function as it came over the wire, and who sent it as far as that is known.</summary>
internal sealed record HttpCall
{
    public required Guid RequestId { get; init; }

    /// <summary>First label of the host name, and <c>apiId</c>.</summary>
    public required string UrlId { get; init; }

    /// <summary>Without the port.</summary>
    public required string DomainName { get; init; }
    public required string Method { get; init; }

    /// <summary>Percent-decoded once.</summary>
    public required string Path { get; init; }

    /// <summary>As it came, without the question mark.</summary>
    public required string RawQuery { get; init; }

    /// <summary>By name, each value as it came.</summary>
    public required IReadOnlyList<KeyValuePair<string, string?[]>> Headers { get; init; }
    public required string Protocol { get; init; }
    public required IPAddress? Source { get; init; }
    public required int Port { get; init; }
    public required string TraceId { get; init; }
    public required DateTimeOffset ReceivedAt { get; init; }
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Null when the URL asks nobody who they are.</summary>
    public IamCaller? Caller { get; init; }

    /// <summary>The values of a header in one, as AWS joins them; null without it.</summary>
    public string? Header(string name)
    {
        foreach (var (key, values) in Headers)
        {
            if (key.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return string.Join(',', values);
            }
        }

        return null;
    }
}

internal sealed record IamCaller(string AccessKeyId, string AccountId, string UserArn, string UserId);
