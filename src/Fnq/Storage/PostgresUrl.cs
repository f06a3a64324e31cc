using Npgsql;

namespace Fnq.Storage;

/// <summary>Turns <c>postgres://user:password@host:port/database</c> into what Npgsql wants.</summary>
internal static class PostgresUrl
{
    public static string ToConnectionString(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("postgres" or "postgresql"))
        {
            throw new FormatException("FNQ_POSTGRES_URL must look like postgres://user:password@host:port/database");
        }

        var user = uri.UserInfo.Split(':', 2);
        return new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Database = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/')),
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
            SearchPath = SearchPath(uri.Query),
            ApplicationName = "fnq",
            MaxPoolSize = 20,
            Timeout = 5,
            CommandTimeout = 30,
            KeepAlive = 30,
        }.ConnectionString;
    }

    /// <summary>Tests give each run its own schema: <c>?search_path=name</c>.</summary>
    private static string? SearchPath(string query) =>
        query.TrimStart('?').Split('&').Select(pair => pair.Split('=', 2))
            .Where(pair => pair[0] == "search_path").Select(pair => Uri.UnescapeDataString(pair[1])).FirstOrDefault();
}
