namespace Fnq.Amqp;

/// <summary>Where a broker is and who asks: an <c>amqp://</c> or <c>amqps://</c> URL taken apart.</summary>
internal sealed record AmqpAddress(string Host, int Port, bool IsSecure, string User, string Password, string VirtualHost)
{
    private const int Port5672 = 5672, Port5671 = 5671;

    /// <exception cref="FormatException">It is no such URL.</exception>
    public static AmqpAddress Parse(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("amqp" or "amqps") || uri.Host.Length == 0)
        {
            throw new FormatException("The address of a broker is amqp://user:password@host:port/vhost, or amqps://");
        }

        var isSecure = uri.Scheme == "amqps";
        var user = uri.UserInfo.Split(':', 2);
        var path = uri.AbsolutePath.TrimStart('/');
        return new AmqpAddress(
            uri.IdnHost,
            uri.Port > 0 ? uri.Port : isSecure ? Port5671 : Port5672,
            isSecure,
            user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : "guest",
            user.Length > 1 ? Uri.UnescapeDataString(user[1]) : "guest",
            path.Length > 0 ? Uri.UnescapeDataString(path) : "/");
    }

    /// <summary>Without the secret.</summary>
    public override string ToString() => $"{(IsSecure ? "amqps" : "amqp")}://{Host}:{Port}/{Uri.EscapeDataString(VirtualHost)}";
}
