using System.Security.Cryptography;
using System.Text;
using Fnq.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Fnq.Identity;

internal sealed record IdentityOptions
{
    /// <summary>Twelve digits: the owner of everything that the bootstrap key makes.</summary>
    public required string AccountId { get; init; }

    /// <summary>The key that the start script generated or the operator chose.</summary>
    public required string AccessKeyId { get; init; }
    public required string SecretAccessKey { get; init; }

    /// <summary>How far a signature's time may be from ours, either way. AWS: 5 minutes.</summary>
    public TimeSpan SignatureWindow { get; init; } = TimeSpan.FromMinutes(5);

    // A record would print the secret.
    public override string ToString() => $"account {AccountId}, access key {AccessKeyId}";
}

/// <summary>Access keys and the proof of signatures; provisions the bootstrap key.</summary>
internal sealed class IdentityModule(IdentityOptions options) : IModule
{
    public void Register(IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton<AccessKeyTable>();
        services.AddSingleton(provider => new AccessKeyStore(
            provider.GetRequiredService<AccessKeyTable>().FindAsync,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<AccessKeyStore>>()));
        services.AddSingleton<SignatureVerifier>();
    }

    public Task ProvisionAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var arn = $"arn:aws:iam::{options.AccountId}:user/fnq";
        var key = new AccessKey
        {
            Id = options.AccessKeyId,
            Secret = options.SecretAccessKey,
            AccountId = options.AccountId,
            Arn = arn,
            UserId = UserIdOf(arn),
            CreatedAt = services.GetRequiredService<TimeProvider>().GetUtcNow(),
        };
        return services.GetRequiredService<AccessKeyTable>().SaveAsync(key, cancellationToken);
    }

    /// <summary>AWS's form, AIDA and 17 letters or digits; the same for the same user at every start.</summary>
    internal static string UserIdOf(string arn)
    {
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(arn));
        return string.Create(21, hash, static (id, bytes) =>
        {
            "AIDA".CopyTo(id);
            for (var i = 4; i < id.Length; i++)
            {
                id[i] = alphabet[bytes[i] & 31];
            }
        });
    }
}
