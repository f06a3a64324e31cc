using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Fnq.Functions;

/// <summary>One random key for all nodes, kept in the database: it signs list markers and download links.</summary>
internal sealed class ServerSecret(NpgsqlDataSource source)
{
    private const string Name = "server-secret";
    private const int Bytes = 32;
    private byte[]? _key;

    public async ValueTask<byte[]> ReadAsync(CancellationToken cancellationToken) =>
        _key ??= await LoadAsync(cancellationToken);

    /// <summary>For one purpose only: a tag made for a marker is no tag for a download.</summary>
    public async ValueTask<string> SignAsync(string purpose, string text, CancellationToken cancellationToken) =>
        Sign(await ReadAsync(cancellationToken), purpose, text);

    public async ValueTask<bool> VerifyAsync(string purpose, string text, string tag, CancellationToken cancellationToken) =>
        CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(await SignAsync(purpose, text, cancellationToken)), Encoding.UTF8.GetBytes(tag));

    public static string Sign(byte[] key, string purpose, string text) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{purpose}\n{text}")));

    private async Task<byte[]> LoadAsync(CancellationToken cancellationToken)
    {
        await using var insert = source.CreateCommand("insert into settings (name, value) values ($1, $2) on conflict do nothing");
        insert.Parameters.AddWithValue(Name);
        insert.Parameters.AddWithValue(RandomNumberGenerator.GetBytes(Bytes));
        await insert.ExecuteNonQueryAsync(cancellationToken);
        await using var read = source.CreateCommand("select value from settings where name = $1");
        read.Parameters.AddWithValue(Name);
        return (byte[])(await read.ExecuteScalarAsync(cancellationToken))!;
    }
}
